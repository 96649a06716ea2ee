#include "bench/parts/relaying.h"

#include "bench/parts/limits.h"
#include "bench/parts/sample_event.h"
#include "shared/base/clock.h"
#include "shared/observe/trace.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>

#define ROWS_A_TRANSACTION 256
#define UNDER_WAY_MOST 4096 /* some passes of OM_RELAY_BATCH_MAX */
#define START_MS 30000
#define LOOK_MS 10
#define SUBJECT "orders.evt.created"

static void require_ok(enum status status, const struct error *error) {
    if (status != STATUS_OK)
        fixture_fail("%s: %s", status_name(status), error->text);
}

/* --- rows ------------------------------------------------------------------------------------- */

static const char make_filler_sql[] =
    "CREATE PROCEDURE orders.bench_fill(payload text, id_text text, traceparent text, rows int8,"
    " each int8) LANGUAGE plpgsql AS $$"
    " BEGIN"
    "   WHILE rows > 0 LOOP"
    "     INSERT INTO orders.outbox (event_id, subject, traceparent, payload)"
    "     SELECT id, '" SUBJECT "', traceparent,"
    "       convert_to(replace(payload, id_text, id::text), 'UTF8')"
    "     FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, least(rows, each))) fresh;"
    "     COMMIT;"
    "     rows := rows - each;"
    "   END LOOP;"
    " END $$;"
    "SET synchronous_commit = off;" /* of this session, which measures nothing */
    "SET statement_timeout = 0";

size_t relaying_fill(struct servers *servers, int64_t rows) {
    struct error error;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    struct buf payload = {0}, call = {0};
    char traceparent[TRACEPARENT_SIZE], id_text[UUID_TEXT_SIZE];
    struct uuid id = uuid_v7();
    uuid_format(&id, id_text);
    sample_event_write(id, SLICE_LITERAL("C100"), &payload, traceparent);
    buf_printf(&call, "CALL orders.bench_fill($bench$%s$bench$, '%s', '%s', %" PRId64 ", %d)",
               payload.ptr, id_text, traceparent, rows, ROWS_A_TRANSACTION);
    require_ok(pg_connect(pg, &error), &error);
    require_ok(pg_script(pg, make_filler_sql, &error), &error);
    require_ok(pg_script(pg, call.ptr, &error), &error);
    require_ok(pg_script(pg, "DROP PROCEDURE orders.bench_fill; CHECKPOINT", &error), &error);
    pg_destroy(&pg);
    size_t bytes = payload.len;
    buf_fini(&payload);
    buf_fini(&call);
    return bytes;
}

/* --- the order service ------------------------------------------------------------------------ */

struct watch {
    struct limit_nats nats;
    uint64_t stored, enough;
};

static uint64_t stored_now(struct watch *watch) {
    return limit_subject_messages(&watch->nats, "ORDERS", SUBJECT);
}

static bool has_more(void *closure) {
    struct watch *watch = closure;
    clock_sleep_ms(LOOK_MS);
    watch->stored = stored_now(watch);
    return watch->stored >= watch->enough;
}

static const struct pg_statement left_behind = {
    "bench_left_behind",
    "SELECT count(*) FROM orders.outbox o, orders.outbox_cursor c"
    " WHERE o.xid < c.next_xid AND o.xid <> ALL (c.holes)",
    0,
};

/* The cursor is saved once what it leaves behind is acknowledged. */
static void require_cursor(struct servers *servers, uint64_t stored) {
    struct error error;
    struct pg_result *result = NULL;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    require_ok(pg_connect(pg, &error), &error);
    require_ok(pg_script(pg, "SET statement_timeout = 0", &error), &error);
    require_ok(pg_query(pg, &left_behind, NULL, &result, &error), &error);
    uint64_t behind = (uint64_t)pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    pg_destroy(&pg);
    if (stored < behind || stored > behind + UNDER_WAY_MOST)
        fixture_fail("%" PRIu64 " rows are left behind as relayed, %" PRIu64 " are stored", behind,
                     stored);
}

double relaying_measure(struct mesh *mesh, int64_t rows, double seconds) {
    struct watch watch = {.nats = limit_connect(mesh_servers(mesh)), .enough = 1};
    mesh_launch(mesh, MESH_ORDER, NULL);
    if (!wait_until(has_more, &watch, START_MS))
        fixture_fail("nothing is relayed, see %s", mesh_log_path(mesh, MESH_ORDER));
    uint64_t first = watch.stored;
    int64_t from_us = clock_monotonic_us();
    watch.enough = (uint64_t)rows;
    (void)wait_until(has_more, &watch, (int64_t)(seconds * 1000));
    double elapsed_s = (double)(clock_monotonic_us() - from_us) / 1e6;
    double rate = (double)(watch.stored - first) / elapsed_s;
    mesh_kill(mesh, MESH_ORDER);
    uint64_t stored = stored_now(&watch);
    limit_disconnect(&watch.nats);
    require_cursor(mesh_servers(mesh), stored);
    return rate;
}

/* --- somebody's transaction ------------------------------------------------------------------- */

struct pg *relaying_open(struct servers *servers) {
    static const struct pg_statement write = {
        "bench_open",
        "INSERT INTO orders.outbox (event_id, subject, traceparent, payload)"
        " VALUES (gen_random_uuid(), '" SUBJECT "', '', '')",
        0,
    };
    struct error error;
    struct pg_result *result = NULL;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench-open");
    require_ok(pg_connect(pg, &error), &error);
    require_ok(pg_script(pg, "SET idle_in_transaction_session_timeout = 0", &error), &error);
    require_ok(pg_begin(pg, &error), &error);
    require_ok(pg_query(pg, &write, NULL, &result, &error), &error);
    pg_result_free(&result);
    return pg;
}

void relaying_end(struct pg **pg) {
    pg_rollback(*pg);
    pg_destroy(pg);
}
