#include "services/analytics/term_store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>

/* --- writing ---------------------------------------------------------------------------------- */

static const struct pg_statement add_terms = {
    .name = "analytics_add_terms",
    .sql = "INSERT INTO order_terms (term, at_us, order_id, total_minor)"
           " SELECT * FROM unnest($1::int8[], $2::int8[], $3::uuid[], $4::int8[])"
           " ON CONFLICT DO NOTHING",
    .param_count = 4,
};
static const struct pg_statement remove_terms = {
    .name = "analytics_remove_terms",
    .sql = "DELETE FROM order_terms t"
           " USING unnest($1::int8[], $2::int8[], $3::uuid[]) AS d(term, at_us, order_id)"
           " WHERE t.term = d.term AND t.at_us = d.at_us AND t.order_id = d.order_id",
    .param_count = 3,
};

static enum status queue_rows(struct pg *pg, const struct pg_statement *statement,
                              const struct term_rows *rows, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_INT64, PG_ARRAY_INT64, PG_ARRAY_UUID,
                                               PG_ARRAY_INT64};
    struct pg_columns columns;
    if (rows->count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, types, (size_t)statement->param_count);
    for (size_t i = 0; i < rows->count; i++) {
        pg_array_add_int64(&columns.arrays[0], rows->items[i].term);
        pg_array_add_int64(&columns.arrays[1], rows->items[i].at_us);
        pg_array_add_uuid(&columns.arrays[2], &rows->items[i].order_id);
        if (statement->param_count == 4)
            pg_array_add_int64(&columns.arrays[3], rows->items[i].total_minor);
    }
    enum status status = pg_columns_queue(&columns, pg, statement, error);
    pg_columns_fini(&columns);
    return status;
}

enum status terms_store_add(struct pg *pg, const struct term_rows *rows, struct error *error) {
    return queue_rows(pg, &add_terms, rows, error);
}

enum status terms_store_remove(struct pg *pg, const struct term_rows *rows, struct error *error) {
    return queue_rows(pg, &remove_terms, rows, error);
}

/* A script, which may take its time. */
enum status terms_store_keep(struct pg *pg, int64_t horizon_us, struct error *error) {
    struct buf sql = {0};
    buf_printf(&sql,
               "INSERT INTO order_terms SELECT * FROM analytics.order_terms WHERE at_us < %" PRId64,
               horizon_us);
    enum status status = pg_script(pg, sql.ptr, error);
    buf_fini(&sql);
    return status;
}

/* --- walking ---------------------------------------------------------------------------------- */

/* Each term's orders lie side by side in the primary key, in the order of their times. $1 the term
   or terms, $2 and $3 where the walk begins, $4 where it ends. */
#define WALK(term, far, behind)                                                                    \
    " FROM order_terms s WHERE s.term = " term " AND s.at_us " far " $4::int8"                     \
    " AND (s.at_us, s.order_id) " behind " ($2::int8, $3::uuid)"
#define ORDERED(direction) " ORDER BY at_us " direction ", order_id " direction

/* Others are looked up one order at a time, which LIMIT has PostgreSQL do. */
#define HAS(term)                                                                                  \
    " (" term "::int8 = 0 OR (SELECT true FROM order_terms o WHERE o.term = " term                 \
    "   AND o.at_us = w.at_us AND o.order_id = w.order_id LIMIT 1))"
#define FITS " total_minor BETWEEN $6::int8 AND $7::int8 AND" HAS("$8") " AND" HAS("$9")

/* One term's walk ends with the page, or after $5 rows. */
#define FIND_ONE(suffix, direction, far, behind)                                                   \
    {                                                                                              \
        .name = "analytics_find_" suffix,                                                          \
        .sql = "SELECT at_us, order_id, false FROM (SELECT at_us, order_id, total_minor" WALK(     \
            "$1::int8", far, behind) ORDERED(direction) " LIMIT $5::int8) w WHERE" FITS            \
        ORDERED(direction) " LIMIT $10::int8",                                                     \
        .param_count = 10,                                                                         \
    }
#define END_ONE(suffix, direction, far, behind)                                                    \
    {                                                                                              \
        .name = "analytics_find_end_" suffix,                                                      \
        .sql = "SELECT at_us, order_id, true" WALK("$1::int8", far, behind)                        \
            ORDERED(direction) " OFFSET $5::int8 - 1 LIMIT 1",                                     \
        .param_count = 5,                                                                          \
    }
/* Of several terms each walks so far. What others have behind a place where one was broken off is
   left to the next page. */
#define FIND_MANY(suffix, direction, far, behind)                                                  \
    {                                                                                              \
        .name = "analytics_find_many_" suffix,                                                     \
        .sql = "WITH walked AS MATERIALIZED (SELECT w.* FROM unnest($1::int8[]) AS t(term),"       \
               " LATERAL (SELECT s.at_us, s.order_id, s.total_minor,"                              \
               "  row_number() OVER (ORDER BY s.at_us " direction ", s.order_id " direction        \
               ") AS place" WALK("t.term", far, behind)                                            \
                   ORDERED(direction) " LIMIT $5::int8) w),"                                       \
                                      " cut AS MATERIALIZED (SELECT at_us, order_id FROM walked"   \
                                      "  WHERE place = $5::int8" ORDERED(                          \
                                          direction) " LIMIT 1)"                                   \
                                                     " (SELECT at_us, order_id, false FROM "       \
                                                     "walked w WHERE" FITS                         \
                                                     "   AND NOT EXISTS (SELECT FROM cut"          \
                                                     "    WHERE (w.at_us, w.order_id) " behind     \
                                                     " (cut.at_us, cut.order_id))" ORDERED(        \
                                                         direction) " LIMIT $10::int8)"            \
                                                                    " UNION ALL SELECT at_us, "    \
                                                                    "order_id, true FROM cut",     \
        .param_count = 10,                                                                         \
    }
#define COUNT(suffix, far, behind)                                                                 \
    {                                                                                              \
        .name = "analytics_find_count_" suffix,                                                    \
        .sql = "SELECT count(*) FROM (SELECT FROM unnest($1::int8[]) AS t(term), LATERAL "         \
               "(SELECT" WALK("t.term", far, behind) " LIMIT $5::int8) w LIMIT $5::int8) found",   \
        .param_count = 5,                                                                          \
    }

/* By [whether oldest first]. */
static const struct pg_statement finds[2] = {FIND_ONE("newest", "DESC", ">=", "<"),
                                             FIND_ONE("oldest", "ASC", "<", ">")};
static const struct pg_statement ends[2] = {END_ONE("newest", "DESC", ">=", "<"),
                                            END_ONE("oldest", "ASC", "<", ">")};
static const struct pg_statement finds_of_many[2] = {FIND_MANY("newest", "DESC", ">=", "<"),
                                                     FIND_MANY("oldest", "ASC", "<", ">")};
static const struct pg_statement counts[2] = {COUNT("newest", ">=", "<"),
                                              COUNT("oldest", "<", ">")};

enum { FIND_AT, FIND_ID, FIND_IS_CUT };

static void add_terms_of(const struct term_lead *lead, struct pg_array *terms) {
    pg_array_init(terms, PG_ARRAY_INT64);
    for (size_t i = 0; i < lead->count; i++)
        pg_array_add_int64(terms, lead->terms[i]);
}

static int64_t far_end_us(const struct order_filter *filter) {
    return filter->is_oldest_first ? filter->to_us : filter->from_us;
}

enum status terms_store_count(struct pg *pg, const struct order_filter *filter,
                              const struct term_lead *lead, int64_t *count, struct error *error) {
    const struct order_place begin = order_filter_begin(filter);
    struct pg_array terms;
    struct pg_result *result = NULL;
    add_terms_of(lead, &terms);
    const struct pg_param params[] = {pg_array(&terms), pg_int64(begin.at_us), pg_uuid(&begin.id),
                                      pg_int64(far_end_us(filter)), pg_int64(TERM_WALK_MOST)};
    enum status status = pg_query(pg, &counts[filter->is_oldest_first], params, &result, error);
    if (status == STATUS_OK)
        *count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    pg_array_fini(&terms);
    return status;
}

static struct order_place take_place(const struct pg_result *result, int row) {
    return (struct order_place){pg_get_int64(result, row, FIND_AT),
                                pg_get_uuid(result, row, FIND_ID)};
}

/* Each of several terms may be the one that gives the page. */
static int64_t rows_of_each(const struct term_walk *walk) {
    int64_t share = TERM_WALK_MOST / (int64_t)walk->lead->count;
    return share > walk->filter->limit ? share : walk->filter->limit + 1;
}

static void take_rows(const struct pg_result *result, struct term_page *page) {
    for (int row = 0; row < pg_rows(result); row++) {
        if (!pg_get_bool(result, row, FIND_IS_CUT)) {
            page->places[page->count++] = take_place(result, row);
            continue;
        }
        page->goes_on = true;
        page->end = take_place(result, row);
    }
}

static enum status query_rows(struct pg *pg, const struct pg_statement *statement,
                              const struct pg_param *params, struct term_page *page,
                              struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, statement, params, &result, error);
    if (status == STATUS_OK)
        take_rows(result, page);
    pg_result_free(&result);
    return status;
}

/* More was found than the page takes: it ends with its last. */
static void end_page(struct term_page *page, int64_t limit) {
    if (page->count <= (size_t)limit)
        return;
    page->count = (size_t)limit;
    page->goes_on = true;
    page->end = page->places[limit - 1];
}

enum status terms_store_walk(struct pg *pg, const struct term_walk *walk, struct term_page *page,
                             struct error *error) {
    const struct order_filter *filter = walk->filter;
    const struct order_place begin = order_filter_begin(filter);
    const bool is_one = walk->lead->count == 1;
    struct pg_array terms;
    add_terms_of(walk->lead, &terms);
    const struct pg_param params[] = {
        is_one ? pg_int64(walk->lead->terms[0]) : pg_array(&terms),
        pg_int64(begin.at_us),
        pg_uuid(&begin.id),
        pg_int64(far_end_us(filter)),
        pg_int64(rows_of_each(walk)),
        pg_int64(filter->least_minor),
        pg_int64(filter->most_minor),
        pg_int64(walk->others[0]),
        pg_int64(walk->others[1]),
        pg_int64(filter->limit + 1),
    };
    const struct pg_statement *find = is_one ? finds : finds_of_many;
    *page = (struct term_page){0};
    enum status status = query_rows(pg, &find[filter->is_oldest_first], params, page, error);
    if (status == STATUS_OK && is_one && page->count <= (size_t)filter->limit)
        status = query_rows(pg, &ends[filter->is_oldest_first], params, page, error);
    end_page(page, filter->limit);
    pg_array_fini(&terms);
    return status;
}
