#include "omctl/archive/archive_store.h"

#include "omctl/archive/archive_counts.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

#define ANSWER_MS 600000
#define AT(us) "timestamptz 'epoch' + " us "::int8 * interval '1 microsecond'"

/* Rows are written as they are read by everybody, wherever the server is. Counting may take its
   time; who is in the way of a lock is not waited for long. The statements of the analytics service
   name no schema. */
static const char settings[] =
    "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601';"
    "SET search_path = analytics, om; SET lock_timeout = '3s'; SET statement_timeout = 0;"
    "SET idle_in_transaction_session_timeout = '5min'";

struct archive_store {
    struct pg *pgs[ARCHIVE_PARTS];
};

/* --- connections ------------------------------------------------------------------------------ */

static enum status find_url(const struct omctl_config *config, const char *databases,
                            const char *schema, struct buf *url, struct error *error) {
    struct buf path = {0};
    struct error missing;
    if (databases != NULL) {
        buf_printf(&path, "%s/%s", databases, schema);
        (void)!command_read_file(path.ptr, url, &missing);
        buf_fini(&path);
        while (url->len > 0 && strchr("\r\n ", url->ptr[url->len - 1]) != NULL)
            url->ptr[--url->len] = '\0';
    }
    if (url->len == 0)
        buf_append_text(url, config->database_url);
    return url->len > 0
               ? STATUS_OK
               : error_set(error, STATUS_INVALID,
                           "OM_DATABASE_URL is not set, and --databases has no %s", schema);
}

static enum status has_schema(struct pg *pg, const char *schema, struct error *error) {
    static const struct pg_statement find = {
        .name = "archive_has_schema",
        .sql = "SELECT to_regclass($1::text || '.outbox') IS NOT NULL",
        .param_count = 1,
    };
    const struct pg_param param = pg_text(slice_of(schema));
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find, &param, &result, error);
    if (status == STATUS_OK && !pg_get_bool(result, 0, 0))
        status = error_set(error, STATUS_INVALID,
                           "the database has no schema %s: --databases says where it is", schema);
    pg_result_free(&result);
    return status;
}

enum status archive_store_open(const struct omctl_config *config, const char *databases,
                               struct archive_store **store, struct error *error) {
    struct archive_store *opened = mem_alloc(sizeof(*opened));
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARCHIVE_PARTS && status == STATUS_OK; i++) {
        struct buf url = {0};
        status = find_url(config, databases, archive_parts[i].schema, &url, error);
        if (status == STATUS_OK) {
            opened->pgs[i] = pg_create(url.ptr, "omctl archive");
            pg_set_on_connect(opened->pgs[i], settings);
            pg_set_answer_timeout(opened->pgs[i], ANSWER_MS);
            status = has_schema(opened->pgs[i], archive_parts[i].schema, error);
        }
        buf_fini(&url);
    }
    if (status == STATUS_OK)
        *store = opened;
    else
        archive_store_close(&opened);
    return status;
}

void archive_store_close(struct archive_store **store) {
    struct archive_store *s = *store;
    *store = NULL;
    for (size_t i = 0; s != NULL && i < ARCHIVE_PARTS; i++)
        pg_destroy(&s->pgs[i]);
    free(s);
}

struct pg *archive_store_pg(struct archive_store *store, size_t part) {
    return store->pgs[part];
}

struct pg *archive_store_of(struct archive_store *store, const char *schema) {
    size_t part = 0;
    while (strcmp(archive_parts[part].schema, schema) != 0)
        part++;
    return store->pgs[part];
}

/* --- pages ------------------------------------------------------------------------------------ */

enum status archive_store_count(struct archive_store *store, int64_t before_us, int64_t *count,
                                struct error *error) {
    static const struct pg_statement find = {
        .name = "archive_count",
        .sql = "SELECT count(*) FROM orders.orders WHERE taken_at < " AT("$1"),
        .param_count = 1,
    };
    const struct pg_param param = pg_int64(before_us);
    struct pg_result *result = NULL;
    enum status status = pg_query(store->pgs[ARCHIVE_ORDERS], &find, &param, &result, error);
    if (status == STATUS_OK)
        *count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return status;
}

enum { PAGE_ID, PAGE_TAKEN, PAGE_CHANGED, PAGE_LEFT, PAGE_ENDED_BADLY };

static int compare_items(const void *a, const void *b) {
    return uuid_compare(&((const struct archive_item *)a)->id,
                        &((const struct archive_item *)b)->id);
}

static int left_of(struct slice name) {
    return slice_index(name, archive_left_names, ARCHIVE_LEFT_COUNT);
}

static void take_page(const struct pg_result *result, struct archive_page *page) {
    page->count = (size_t)pg_rows(result);
    page->items = mem_alloc((page->count + 1) * sizeof(*page->items));
    for (size_t i = 0; i < page->count; i++) {
        int row = (int)i;
        page->items[i] = (struct archive_item){
            .id = pg_get_uuid(result, row, PAGE_ID),
            .changed_us = pg_get_time_us(result, row, PAGE_CHANGED),
            .left = left_of(pg_get_slice(result, row, PAGE_LEFT)),
            .ended_badly = pg_get_bool(result, row, PAGE_ENDED_BADLY),
        };
    }
    if (page->count > 0) {
        page->taken_us = pg_get_time_us(result, (int)page->count - 1, PAGE_TAKEN);
        page->last = page->items[page->count - 1].id;
    }
    qsort(page->items, page->count, sizeof(*page->items), compare_items);
}

enum status archive_store_page(struct archive_store *store, int64_t before_us, int64_t most,
                               struct archive_page *page, struct error *error) {
    static const struct pg_statement read = {
        .name = "archive_page",
        .sql =
            "SELECT id, taken_at, updated_at,"
            " CASE WHEN status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN 'unfinished'"
            "  WHEN updated_at >= " AT(
                "$1") " THEN 'later' ELSE '' END,"
                      " status IN ('FAILED', 'CANCELLED')"
                      " FROM orders.orders WHERE taken_at < " AT("$1") " AND (taken_at, id) > (" AT(
                          "$2") ", $3::uuid) ORDER BY taken_at, id LIMIT $4::int8",
        .param_count = 4,
    };
    const struct pg_param params[] = {pg_int64(before_us), pg_int64(page->taken_us),
                                      pg_uuid(&page->last), pg_int64(most)};
    struct pg_result *result = NULL;
    enum status status = pg_query(store->pgs[ARCHIVE_ORDERS], &read, params, &result, error);
    archive_page_fini(page);
    if (status == STATUS_OK)
        take_page(result, page);
    pg_result_free(&result);
    return status;
}

void archive_page_fini(struct archive_page *page) {
    free(page->items);
    page->items = NULL;
    page->count = 0;
}

/* --- what is open ----------------------------------------------------------------------------- */

struct asked {
    struct pg_array ids, bad;
};

static void asked_fill(const struct archive_page *page, struct asked *asked) {
    pg_array_init(&asked->ids, PG_ARRAY_UUID);
    pg_array_init(&asked->bad, PG_ARRAY_UUID);
    for (size_t i = 0; i < page->count; i++) {
        if (page->items[i].left >= 0)
            continue;
        pg_array_add_uuid(&asked->ids, &page->items[i].id);
        if (page->items[i].ended_badly)
            pg_array_add_uuid(&asked->bad, &page->items[i].id);
    }
}

static void asked_fini(struct asked *asked) {
    pg_array_fini(&asked->ids);
    pg_array_fini(&asked->bad);
}

static void leave(struct archive_page *page, const struct uuid *id, int left) {
    const struct archive_item sought = {.id = *id};
    struct archive_item *item =
        bsearch(&sought, page->items, page->count, sizeof(sought), compare_items);
    if (item != NULL && item->left < 0)
        item->left = left;
}

static enum status ask_part(struct archive_store *store, size_t part, int64_t before_us,
                            struct asked *asked, struct archive_page *page, struct error *error) {
    const struct pg_statement *open = &archive_parts[part].open;
    const struct pg_param params[] = {pg_array(&asked->ids), pg_int64(before_us),
                                      pg_array(&asked->bad)};
    const struct pg_param two[] = {params[0], params[2]};
    struct pg_result *result = NULL;
    if (open->sql == NULL || asked->ids.count == 0)
        return STATUS_OK;
    enum status status =
        pg_query(store->pgs[part], open, open->param_count == 2 ? two : params, &result, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++) {
        const struct uuid id = pg_get_uuid(result, row, 0);
        leave(page, &id, left_of(pg_get_slice(result, row, 1)));
    }
    pg_result_free(&result);
    return status;
}

enum status archive_store_ask(struct archive_store *store, int64_t before_us,
                              struct archive_page *page, struct error *error) {
    struct asked asked;
    enum status status = STATUS_OK;
    asked_fill(page, &asked);
    for (size_t i = 0; i < ARCHIVE_PARTS && status == STATUS_OK; i++)
        status = ask_part(store, i, before_us, &asked, page, error);
    asked_fini(&asked);
    return status;
}

/* --- reading a batch -------------------------------------------------------------------------- */

enum status archive_store_begin(struct archive_store *store, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARCHIVE_PARTS && status == STATUS_OK; i++)
        status = pg_begin(store->pgs[i], error);
    if (status != STATUS_OK)
        archive_store_rollback(store);
    return status;
}

void archive_store_rollback(struct archive_store *store) {
    for (size_t i = 0; i < ARCHIVE_PARTS; i++)
        if (store->pgs[i] != NULL)
            pg_rollback(store->pgs[i]);
}

/* The rows of a table, by order, and how far they are written. */
struct rows {
    const struct archive_table *table;
    struct pg_result *result;
    int next;
};

static enum status read_tables(struct pg *pg, const struct archive_part *part, struct asked *asked,
                               int64_t before_us, struct rows *rows, struct error *error) {
    const struct pg_param params[] = {pg_array(&asked->ids), pg_int64(before_us)};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < part->table_count && status == STATUS_OK; i++) {
        rows[i].table = &part->tables[i];
        status = pg_query(pg, &part->tables[i].read, params, &rows[i].result, error);
    }
    return status;
}

/* Those whose own row did not come are somebody else's at this moment. */
static void leave_busy(const struct rows *orders, struct archive_page *page) {
    int row = 0;
    for (size_t i = 0; i < page->count; i++) {
        struct archive_item *item = &page->items[i];
        if (item->left >= 0)
            continue;
        if (row < pg_rows(orders->result)) {
            const struct uuid id = pg_get_uuid(orders->result, row, 0);
            if (uuid_compare(&id, &item->id) == 0) {
                row++;
                continue;
            }
        }
        item->left = ARCHIVE_LEFT_BUSY;
    }
}

static void put_rows(struct rows *rows, const struct uuid *id, struct json_writer *w) {
    bool is_any = false;
    for (; rows->next < pg_rows(rows->result); rows->next++) {
        const struct uuid of = pg_get_uuid(rows->result, rows->next, 0);
        int order = uuid_compare(&of, id);
        if (order > 0)
            break;
        if (order < 0) /* of an order that is left */
            continue;
        if (!is_any) {
            json_key(w, rows->table->name);
            json_begin_array(w);
        }
        json_raw(w, pg_get_slice(rows->result, rows->next, 1));
        is_any = true;
    }
    if (is_any)
        json_end_array(w);
}

static void put_order(const struct archive_item *item, struct rows *rows, size_t tables,
                      struct buf *body) {
    struct json_writer w = json_writer(body);
    char id[UUID_TEXT_SIZE];
    uuid_format(&item->id, id);
    json_begin_object(&w);
    json_put_text(&w, "orderId", id);
    json_key(&w, "rows");
    json_begin_object(&w);
    for (size_t i = 0; i < tables; i++)
        put_rows(&rows[i], &item->id, &w);
    json_end_object(&w);
    json_end_object(&w);
    buf_append_char(body, '\n');
}

enum status archive_store_read(struct archive_store *store, int64_t before_us,
                               struct archive_page *page, struct buf *body, struct error *error) {
    struct rows rows[ARCHIVE_TABLES] = {0};
    size_t tables = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARCHIVE_PARTS && status == STATUS_OK; i++) {
        const struct archive_part *part = &archive_parts[i];
        struct asked asked;
        asked_fill(page, &asked);
        status = read_tables(store->pgs[i], part, &asked, before_us, &rows[tables], error);
        if (status == STATUS_OK && i == ARCHIVE_ORDERS)
            leave_busy(&rows[0], page);
        if (status == STATUS_OK)
            status = ask_part(store, i, before_us, &asked, page, error);
        tables += part->table_count;
        asked_fini(&asked);
    }
    for (size_t i = 0; i < page->count && status == STATUS_OK; i++)
        if (page->items[i].left < 0)
            put_order(&page->items[i], rows, tables, body);
    for (size_t i = 0; i < ARCHIVE_TABLES; i++)
        pg_result_free(&rows[i].result);
    return status;
}

/* --- removing a batch ------------------------------------------------------------------------- */

enum status archive_store_number(struct archive_store *store, int64_t *number,
                                 struct error *error) {
    static const struct pg_statement lock = {.name = "archive_lock",
                                             .sql = "LOCK TABLE orders.archives IN EXCLUSIVE MODE"};
    static const struct pg_statement next = {
        .name = "archive_next", .sql = "SELECT coalesce(max(number), 0) + 1 FROM orders.archives"};
    struct pg *pg = store->pgs[ARCHIVE_ORDERS];
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &lock, NULL, NULL, error);
    if (status == STATUS_OK)
        status = pg_query(pg, &next, NULL, &result, error);
    if (status == STATUS_OK)
        *number = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return status;
}

enum status archive_store_has(struct archive_store *store, const struct archive_header *header,
                              bool *has, struct error *error) {
    static const struct pg_statement find = {
        .name = "archive_has",
        .sql = "SELECT EXISTS (SELECT FROM orders.archives"
               " WHERE number = $1::int8 AND sha256 = $2::text)",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_int64(header->number), pg_text(slice_of(header->sha256))};
    struct pg_result *result = NULL;
    enum status status = pg_query(store->pgs[ARCHIVE_ORDERS], &find, params, &result, error);
    if (status == STATUS_OK)
        *has = pg_get_bool(result, 0, 0);
    pg_result_free(&result);
    return status;
}

enum status archive_ids(struct slice body, struct pg_array *ids, struct error *error) {
    static const char start[] = "{\"orderId\":\"";
    struct uuid id;
    while (body.len > 0) {
        struct slice line = slice_take_line(&body);
        if (!slice_take_prefix(&line, start) || line.len < UUID_TEXT_LEN ||
            !uuid_parse((struct slice){line.ptr, UUID_TEXT_LEN}, &id))
            return error_set(error, STATUS_INVALID, "a line is no order");
        pg_array_add_uuid(ids, &id);
    }
    return STATUS_OK;
}

/* With an Idempotency-Key an order's id follows from key and body: repeated years later, the
   request is to meet it here and to order nothing again. */
static enum status note(struct archive_store *store, const struct archive_header *header,
                        struct pg_array *ids, struct error *error) {
    static const struct pg_statement keep = {
        .name = "archive_keep_ids",
        .sql = "INSERT INTO orders.archived_ids SELECT id FROM unnest($1::uuid[]) AS id"
               " WHERE substr(id::text, 15, 1) = '8' ON CONFLICT DO NOTHING",
        .param_count = 1,
    };
    static const struct pg_statement add = {
        .name = "archive_note",
        .sql = "INSERT INTO orders.archives (number, sha256, orders, first_ended_at, last_ended_at)"
               " VALUES ($1::int8, $2::text, $3::int8, " AT("$4") ", " AT("$5") ")",
        .param_count = 5,
    };
    const struct pg_param id_param = pg_array(ids);
    const struct pg_param params[] = {pg_int64(header->number), pg_text(slice_of(header->sha256)),
                                      pg_int64(header->orders), pg_int64(header->first_us),
                                      pg_int64(header->last_us)};
    struct pg *pg = store->pgs[ARCHIVE_ORDERS];
    enum status status = pg_queue(pg, &keep, &id_param, error);
    return status == STATUS_OK ? pg_query(pg, &add, params, NULL, error) : status;
}

/* Rows go before those that they refer to. */
static enum status remove_rows(struct archive_store *store, size_t part, struct slice body,
                               struct pg_array *ids, struct error *error) {
    const struct pg_param param = pg_array(ids);
    struct pg *pg = store->pgs[part];
    enum status status = STATUS_OK;
    if (strcmp(archive_parts[part].schema, "analytics") == 0)
        status = archive_counts_keep(pg, ids, body, error);
    for (size_t i = archive_parts[part].table_count; i > 0 && status == STATUS_OK; i--)
        status = pg_query(pg, &archive_parts[part].tables[i - 1].remove, &param, NULL, error);
    return status;
}

enum status archive_store_remove(struct archive_store *store, const struct archive_header *header,
                                 struct slice body, struct error *error) {
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    enum status status = archive_ids(body, &ids, error);
    if (status == STATUS_OK)
        status = note(store, header, &ids, error);
    for (size_t i = 0; i < ARCHIVE_PARTS && status == STATUS_OK; i++)
        status = remove_rows(store, i, body, &ids, error);
    pg_array_fini(&ids);
    return status;
}

enum status archive_store_commit(struct archive_store *store, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARCHIVE_PARTS && status == STATUS_OK; i++) {
        status = pg_commit(store->pgs[i], error);
        failpoint("archive.after_commit");
    }
    return status;
}

/* --- finishing one ---------------------------------------------------------------------------- */

static enum status require_same(const struct rows *rows, struct slice body, struct error *error) {
    char text[UUID_TEXT_SIZE];
    for (int row = 0; row < pg_rows(rows->result); row++) {
        const struct slice json = pg_get_slice(rows->result, row, 1);
        if (memmem(body.ptr, body.len, json.ptr, json.len) != NULL)
            continue;
        const struct uuid id = pg_get_uuid(rows->result, row, 0);
        uuid_format(&id, text);
        return error_set(error, STATUS_INVALID,
                         "%s has another row of order %s than the file: it was changed meanwhile",
                         rows->table->name, text);
    }
    return STATUS_OK;
}

static enum status finish_part(struct archive_store *store, size_t part, struct slice body,
                               struct asked *asked, struct error *error) {
    struct rows rows[ARCHIVE_TABLES_MOST] = {0};
    enum status status = read_tables(store->pgs[part], &archive_parts[part], asked, 0, rows, error);
    for (size_t i = 0; i < archive_parts[part].table_count; i++) {
        if (status == STATUS_OK)
            status = require_same(&rows[i], body, error);
        pg_result_free(&rows[i].result);
    }
    return status == STATUS_OK ? remove_rows(store, part, body, &asked->ids, error) : status;
}

enum status archive_store_finish(struct archive_store *store, struct slice body,
                                 struct error *error) {
    struct asked asked;
    pg_array_init(&asked.ids, PG_ARRAY_UUID);
    pg_array_init(&asked.bad, PG_ARRAY_UUID);
    enum status status = archive_ids(body, &asked.ids, error);
    for (size_t i = ARCHIVE_ORDERS + 1; i < ARCHIVE_PARTS && status == STATUS_OK; i++)
        status = finish_part(store, i, body, &asked, error);
    asked_fini(&asked);
    return status;
}
