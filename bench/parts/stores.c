#include "bench/parts/stores.h"

#include "bench/parts/limits.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_store(struct stores *stores, const char *kind, struct slice name, int64_t bytes) {
    if (stores->count == STORES_MAX)
        fixture_fail("more than %d stores", STORES_MAX);
    struct store *store = &stores->items[stores->count++];
    snprintf(store->kind, sizeof(store->kind), "%s", kind);
    snprintf(store->name, sizeof(store->name), "%.*s", SLICE_ARG(name));
    store->bytes = bytes;
}

static const struct pg_statement read_tables = {
    "bench_tables",
    "SELECT schemaname || '.' || regexp_replace(relname, '_([0-9]{8}|default)$', ''),"
    "  sum(pg_total_relation_size(relid))::int8"
    " FROM pg_stat_user_tables WHERE schemaname <> 'public' GROUP BY 1 ORDER BY 1",
    0,
};

static void read_postgres(struct servers *servers, struct stores *stores) {
    struct error error;
    struct pg_result *rows = NULL;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    if (pg_query(pg, &read_tables, NULL, &rows, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    for (int row = 0; row < pg_rows(rows); row++)
        add_store(stores, "postgresql", pg_get_slice(rows, row, 0), pg_get_int64(rows, row, 1));
    pg_result_free(&rows);
    pg_destroy(&pg);
}

static void read_jetstream(struct servers *servers, struct stores *stores) {
    struct limit_nats nats = limit_connect(servers);
    jsStreamInfoList *list = NULL;
    if (js_Streams(&list, nats.js, NULL, NULL) != NATS_OK)
        fixture_fail("the streams cannot be listed");
    for (int i = 0; i < list->Count; i++)
        add_store(stores, "jetstream", slice_of(list->List[i]->Config->Name),
                  (int64_t)list->List[i]->State.Bytes);
    jsStreamInfoList_Destroy(list);
    limit_disconnect(&nats);
}

/* The number behind "name:" of INFO. */
static int64_t redis_figure(redisContext *redis, const char *section, const char *name) {
    redisReply *reply = redisCommand(redis, "INFO %s", section);
    const char *found = reply != NULL && reply->str != NULL ? strstr(reply->str, name) : NULL;
    if (found == NULL)
        fixture_fail("Redis does not tell of %s", name);
    int64_t value = strtoll(found + strlen(name), NULL, 10);
    freeReplyObject(reply);
    return value;
}

static void read_redis(struct servers *servers, struct stores *stores) {
    redisContext *redis = redisConnect("127.0.0.1", servers_port(servers, SERVER_REDIS));
    if (redis == NULL || redis->err != 0)
        fixture_fail("Redis cannot be reached");
    add_store(stores, "redis", SLICE_LITERAL("memory"),
              redis_figure(redis, "memory", "used_memory:"));
    add_store(stores, "redis", SLICE_LITERAL("append-only file"),
              redis_figure(redis, "persistence", "aof_current_size:"));
    redisFree(redis);
}

struct stores stores_read(struct servers *servers) {
    struct stores stores = {0};
    read_postgres(servers, &stores);
    read_jetstream(servers, &stores);
    read_redis(servers, &stores);
    return stores;
}

int64_t stores_bytes(const struct stores *stores, const char *kind, const char *name) {
    for (int i = 0; i < stores->count; i++)
        if (strcmp(stores->items[i].kind, kind) == 0 && strcmp(stores->items[i].name, name) == 0)
            return stores->items[i].bytes;
    return 0;
}
