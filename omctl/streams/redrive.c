#include "omctl/streams/redrive.h"

#include "shared/base/clock.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdio.h>
#include <string.h>

/* INVALID where the schema has no outbox: so the search path below takes schemas of services only.
 */
static enum status check_schema(struct pg *pg, const char *schema, struct error *error) {
    static const struct pg_statement has_outbox = {
        .name = "redrive_has_outbox",
        .sql = "SELECT to_regclass(quote_ident($1::text) || '.outbox_cursor') IS NOT NULL",
        .param_count = 1,
    };
    const struct pg_param params[] = {pg_text(slice_of(schema))};
    struct pg_result *result;
    enum status status = pg_query(pg, &has_outbox, params, &result, error);
    if (status != STATUS_OK)
        return status;
    bool is_there = pg_get_bool(result, 0, 0);
    pg_result_free(&result);
    if (!is_there)
        return error_set(error, STATUS_INVALID, "no schema %s has an outbox", schema);
    return STATUS_OK;
}

static enum status use_schema(struct pg *pg, const char *schema, struct error *error) {
    static const struct pg_statement set_path = {
        .name = "redrive_path",
        .sql = "SELECT set_config('search_path', $1::text, true)",
        .param_count = 1,
    };
    const struct pg_param params[] = {pg_text(slice_of(schema))};
    return pg_query(pg, &set_path, params, NULL, error);
}

/* Until the end of the transaction: the relay waits. */
static enum status lock_cursor(struct pg *pg, struct error *error) {
    static const struct pg_statement lock = {
        .name = "redrive_lock",
        .sql = "SELECT FROM outbox_cursor FOR UPDATE",
    };
    return pg_query(pg, &lock, NULL, NULL, error);
}

/* A database restored to another cluster of PostgreSQL has transaction ids of its old one, ahead of
   all that are given here: what is written now would stay unread behind them. Its rows get this
   transaction's id if they are to be published, else the smallest one; its checkpoints mean
   nothing. */
static enum status adopt_rows(struct pg *pg, int64_t since_us, struct error *error) {
    static const struct pg_statement adopt = {
        .name = "redrive_adopt",
        .sql = "WITH moved AS ("
               "  UPDATE outbox_cursor SET next_xid = pg_current_xact_id(), holes = '{}',"
               "    acknowledged = '', repeats_until = '0'"
               "  WHERE next_xid > pg_snapshot_xmax(pg_current_snapshot()) RETURNING 1),"
               " forgotten AS (DELETE FROM outbox_checkpoints WHERE EXISTS (SELECT FROM moved))"
               " UPDATE outbox SET xid = CASE WHEN created_at >= $1::text::timestamptz"
               "   THEN pg_current_xact_id() ELSE '3'::xid8 END"
               " WHERE EXISTS (SELECT FROM moved)",
        .param_count = 1,
    };
    char since[RFC3339_SIZE];
    clock_format(since_us, since);
    const struct pg_param params[] = {pg_text(slice_of(since))};
    return pg_query(pg, &adopt, params, NULL, error);
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

static enum status keep_discarded(struct pg *pg, const char *schema, int64_t *count,
                                  struct error *error) {
    static const struct pg_statement keep = {
        .name = "redrive_discarded",
        .sql = "SELECT om.keep_discarded($1::text)",
        .param_count = 1,
    };
    const struct pg_param params[] = {pg_text(slice_of(schema))};
    struct pg_result *result;
    enum status status = pg_query(pg, &keep, params, &result, error);
    if (status != STATUS_OK)
        return status;
    *count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return STATUS_OK;
}

enum status redrive_outbox(struct pg *pg, const char *schema, int64_t since_us,
                           struct redriven *redriven, struct error *error) {
    struct redriven done = {0};
    enum status status = pg_begin(pg, error);
    if (status != STATUS_OK)
        return status;
    status = check_schema(pg, schema, error);
    if (status == STATUS_OK)
        status = use_schema(pg, schema, error);
    if (status == STATUS_OK)
        status = lock_cursor(pg, error);
    if (status == STATUS_OK)
        status = adopt_rows(pg, since_us, error);
    if (status == STATUS_OK)
        status = set_back(pg, since_us, &done.events, error);
    if (status == STATUS_OK)
        status = keep_discarded(pg, schema, &done.discarded, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status == STATUS_OK)
        *redriven = done;
    else
        pg_rollback(pg);
    return status;
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
    return since_parse(since, since_us, error);
}

int redrive_command(const struct omctl_config *config, int argc, char **argv) {
    const char *schema = NULL;
    int64_t since_us = 0;
    struct redriven redriven;
    struct error error;
    struct pg *pg = NULL;
    if (parse_arguments(argc, argv, &schema, &since_us, &error) != STATUS_OK) {
        (void)command_failed("outbox redrive", &error);
        return COMMAND_USAGE;
    }
    enum status status = command_open_database(config, &pg, &error);
    bool is_open = status == STATUS_OK;
    if (is_open)
        status = redrive_outbox(pg, schema, since_us, &redriven, &error);
    pg_destroy(&pg);
    if (status != STATUS_OK) {
        (void)command_failed("outbox redrive", &error);
        return is_open && status == STATUS_INVALID ? COMMAND_USAGE : COMMAND_FAILED;
    }
    char since[RFC3339_SIZE];
    clock_format(since_us, since);
    printf("%s: %lld events since %s will be published again\n", schema, (long long)redriven.events,
           since);
    if (redriven.discarded > 0)
        printf("%lld of them were discarded at a consumer, which will not do them\n",
               (long long)redriven.discarded);
    return COMMAND_DONE;
}
