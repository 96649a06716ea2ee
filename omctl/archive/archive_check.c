#include "omctl/archive/archive_check.h"

#include "omctl/archive/archive_rules.h"
#include "shared/pg/pg_result.h"

#include <string.h>

#define OFFENDERS_SHOWN 3

struct check {
    struct archive_store *store;
    const char *dir;
    FILE *out;
    struct archive_verdict verdict;
};

static void note_fault(struct check *check, const char *what, const char *detail) {
    check->verdict.faults++;
    fprintf(check->out, "WRONG  %s: %s\n", what, detail);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void note_offenders(struct check *check, const char *promise,
                           const struct pg_result *result) {
    struct buf text = {0};
    for (int row = 0; row < pg_rows(result) && row < OFFENDERS_SHOWN; row++)
        buf_printf(&text, "%s%.*s", row > 0 ? ", " : "", SLICE_ARG(pg_get_slice(result, row, 0)));
    if (pg_rows(result) > OFFENDERS_SHOWN)
        buf_printf(&text, ", and %d others", pg_rows(result) - OFFENDERS_SHOWN);
    if (pg_rows(result) > 0)
        note_fault(check, promise, text.ptr);
    buf_fini(&text);
}

static enum status apply(struct check *check, const char *schema, const char *promise,
                         const struct pg_statement *offenders, const struct pg_param *param,
                         struct error *error) {
    struct pg_result *result = NULL;
    struct pg *pg = archive_store_of(check->store, schema);
    enum status status = pg_query(pg, offenders, param, &result, error);
    if (status == STATUS_OK)
        note_offenders(check, promise, result);
    pg_result_free(&result);
    return status;
}

static enum status apply_rule(struct check *check, const struct archive_rule *rule,
                              const struct pg_param *param, struct error *error) {
    return apply(check, rule->schema, rule->promise, &rule->offenders, param, error);
}

/* --- both here and there ---------------------------------------------------------------------- */

#define MAKE_ARCHIVED "CREATE TEMP TABLE archived_orders (id uuid PRIMARY KEY)"

static enum status make_tables(struct check *check, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARCHIVE_PARTS && status == STATUS_OK; i++)
        status = pg_script(archive_store_pg(check->store, i), MAKE_ARCHIVED, error);
    for (size_t i = 0; i < archive_sum_count && status == STATUS_OK; i++)
        status = pg_script(archive_store_of(check->store, archive_sums[i].schema),
                           archive_sums[i].make, error);
    return status;
}

/* The orders' own are noted by the rule that none is there twice. */
static enum status note_orders(struct check *check, struct slice body, struct error *error) {
    static const struct pg_statement note = {
        .name = "archive_note_orders",
        .sql = "INSERT INTO archived_orders SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING",
        .param_count = 1,
    };
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    enum status status = archive_ids(body, &ids, error);
    const struct pg_param param = pg_array(&ids);
    for (size_t i = ARCHIVE_ORDERS + 1; i < ARCHIVE_PARTS && status == STATUS_OK; i++)
        status = pg_query(archive_store_pg(check->store, i), &note, &param, NULL, error);
    pg_array_fini(&ids);
    return status;
}

static enum status find_both(struct check *check, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARCHIVE_PARTS; i++) {
        const struct archive_part *part = &archive_parts[i];
        for (size_t j = 0; j < part->table_count && status == STATUS_OK; j++)
            status = apply(check, part->schema, "no archived order has rows in the tables",
                           &part->tables[j].known, NULL, error);
    }
    return status;
}

/* --- files ------------------------------------------------------------------------------------ */

static enum status check_orders(struct check *check, struct slice body, struct error *error) {
    struct buf array = {0};
    archive_array(body, &array);
    const struct pg_param param = pg_text(buf_slice(&array));
    enum status status = note_orders(check, body, error);
    for (size_t i = 0; i < archive_file_rule_count && status == STATUS_OK; i++)
        status = apply_rule(check, &archive_file_rules[i], &param, error);
    for (size_t i = 0; i < archive_sum_count && status == STATUS_OK; i++)
        status = pg_query(archive_store_of(check->store, archive_sums[i].schema),
                          &archive_sums[i].note, &param, NULL, error);
    buf_fini(&array);
    return status;
}

static enum status check_file(struct check *check, int64_t number, struct slice hash,
                              struct error *error) {
    struct archive_header header;
    struct buf content = {0};
    struct slice body;
    struct error fault;
    enum status status = STATUS_OK;
    if (archive_read(check->dir, number, false, &content, &header, &body, &fault) != STATUS_OK) {
        note_fault(check, "every file is there, as it was written", fault.text);
    } else if (!slice_is(hash, header.sha256)) {
        (void)error_set(&fault, STATUS_INVALID, "number %lld is another file", (long long)number);
        note_fault(check, "every file is there, as it was written", fault.text);
    } else {
        check->verdict.files++;
        check->verdict.orders += header.orders;
        status = check_orders(check, body, error);
    }
    buf_fini(&content);
    return status;
}

static enum status check_known(struct check *check, struct error *error) {
    static const struct pg_statement list = {
        .name = "archive_list",
        .sql = "SELECT number, sha256 FROM orders.archives ORDER BY number"};
    struct pg_result *result = NULL;
    enum status status =
        pg_query(archive_store_pg(check->store, ARCHIVE_ORDERS), &list, NULL, &result, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++)
        status =
            check_file(check, pg_get_int64(result, row, 0), pg_get_slice(result, row, 1), error);
    pg_result_free(&result);
    return status;
}

static enum status check_unknown(struct check *check, bool is_pending, struct error *error) {
    static const struct pg_statement find = {
        .name = "archive_is_known",
        .sql = "SELECT EXISTS (SELECT FROM orders.archives WHERE number = $1::int8)",
        .param_count = 1,
    };
    struct archive_list list = {0};
    enum status status = archive_list_read(check->dir, is_pending, &list, error);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        const struct pg_param param = pg_int64(list.numbers[i]);
        struct pg_result *result = NULL;
        char name[40];
        snprintf(name, sizeof(name), "orders-%09lld", (long long)list.numbers[i]);
        status =
            pg_query(archive_store_pg(check->store, ARCHIVE_ORDERS), &find, &param, &result, error);
        if (is_pending)
            note_fault(check, "every file is finished: omctl archive finishes it", name);
        else if (status == STATUS_OK && !pg_get_bool(result, 0, 0))
            note_fault(check, "every file is of a batch that the database knows", name);
        pg_result_free(&result);
    }
    archive_list_fini(&list);
    return status;
}

enum status archive_check(struct archive_store *store, const char *dir, FILE *out,
                          struct archive_verdict *verdict, struct error *error) {
    struct check check = {.store = store, .dir = dir, .out = out};
    enum status status = make_tables(&check, error);
    if (status == STATUS_OK)
        status = check_unknown(&check, true, error);
    if (status == STATUS_OK)
        status = check_unknown(&check, false, error);
    if (status == STATUS_OK)
        status = check_known(&check, error);
    if (status == STATUS_OK)
        status = find_both(&check, error);
    for (size_t i = 0; i < archive_whole_rule_count && status == STATUS_OK; i++)
        status = apply_rule(&check, &archive_whole_rules[i], NULL, error);
    if (status == STATUS_OK)
        *verdict = check.verdict;
    return status;
}
