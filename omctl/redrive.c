#include "omctl/redrive.h"

#include "omctl/command.h"
#include "shared/clock.h"

#include <stdio.h>
#include <string.h>

/* The search path below takes these names only. */
static const char *const schemas[] = {"orders", "inventory", "payments", "shipping",
                                      "notifications"};

static bool is_schema(const char *name) {
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        if (strcmp(name, schemas[i]) == 0)
            return true;
    }
    return false;
}

static enum status use_schema(struct pg *pg, const char *schema, struct error *error) {
    static const struct pg_statement set_path = {
        .name = "redrive_path",
        .sql = "SELECT set_config('search_path', $1::text, true)",
        .param_count = 1,
    };
    const struct pg_param params[] = {pg_text(slice_of(schema))};
    struct pg_result *result;
    enum status status = pg_query(pg, &set_path, params, &result, error);
    if (status == STATUS_OK)
        pg_result_free(&result);
    return status;
}

/* Holes below the new position stay: their rows have never been read. Those above are part of what
   is read again. */
static enum status set_back(struct pg *pg, int64_t since_us, int64_t *count, struct error *error) {
    static const struct pg_statement update = {
        .name = "redrive_update",
        .sql = "WITH oldest AS ("
               "  SELECT xid FROM outbox WHERE created_at >= $1::text::timestamptz"
               "  ORDER BY xid LIMIT 1),"
               " moved AS ("
               "  UPDATE outbox_cursor SET next_xid = oldest.xid, updated_at = now(),"
               "    holes = ARRAY(SELECT h FROM unnest(holes) AS h WHERE h < oldest.xid)"
               "  FROM oldest WHERE next_xid > oldest.xid)"
               " SELECT count(*) FROM outbox WHERE xid >= (SELECT xid FROM oldest)",
        .param_count = 1,
    };
    char since[RFC3339_SIZE];
    clock_format(since_us, since);
    const struct pg_param params[] = {pg_text(slice_of(since))};
    struct pg_result *result;
    enum status status = pg_query(pg, &update, params, &result, error);
    if (status != STATUS_OK)
        return status;
    *count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return STATUS_OK;
}

enum status redrive_outbox(struct pg *pg, const char *schema, int64_t since_us, int64_t *count,
                           struct error *error) {
    if (!is_schema(schema))
        return error_set(error, STATUS_INVALID, "no schema %s has an outbox", schema);
    int64_t counted = 0;
    enum status status = pg_begin(pg, error);
    if (status != STATUS_OK)
        return status;
    status = use_schema(pg, schema, error);
    if (status == STATUS_OK)
        status = set_back(pg, since_us, &counted, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status == STATUS_OK)
        *count = counted;
    else
        pg_rollback(pg);
    return status;
}

static enum status parse_since(const char *text, int64_t *since_us, struct error *error) {
    int64_t ago_us;
    if (clock_parse(slice_of(text), since_us))
        return STATUS_OK;
    if (duration_parse(text, &ago_us, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "--since %s: neither a time nor a duration", text);
    *since_us = clock_now_us() - ago_us;
    return STATUS_OK;
}

static enum status parse_arguments(int argc, char **argv, const char **schema, int64_t *since_us,
                                   struct error *error) {
    const char *since = NULL;
    const struct command_option options[] = {
        {.name = "--schema", .value = schema},
        {.name = "--since", .value = &since},
    };
    enum status status = command_parse(options, 2, argc, argv, error);
    if (status != STATUS_OK)
        return status;
    if (*schema == NULL || since == NULL)
        return error_set(error, STATUS_INVALID, "--schema and --since are needed");
    if (!is_schema(*schema))
        return error_set(error, STATUS_INVALID, "no schema %s has an outbox", *schema);
    return parse_since(since, since_us, error);
}

int redrive_command(const struct omctl_config *config, int argc, char **argv) {
    const char *schema = NULL;
    int64_t since_us = 0, count = 0;
    struct error error;
    struct pg *pg = NULL;
    if (parse_arguments(argc, argv, &schema, &since_us, &error) != STATUS_OK) {
        (void)command_failed("outbox redrive", &error);
        return COMMAND_USAGE;
    }
    enum status status = command_open_database(config, &pg, &error);
    if (status == STATUS_OK)
        status = redrive_outbox(pg, schema, since_us, &count, &error);
    pg_destroy(&pg);
    if (status != STATUS_OK)
        return command_failed("outbox redrive", &error);
    char since[RFC3339_SIZE];
    clock_format(since_us, since);
    printf("%s: %lld events since %s will be published again\n", schema, (long long)count, since);
    return COMMAND_DONE;
}
