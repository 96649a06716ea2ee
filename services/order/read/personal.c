#include "services/order/read/personal.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#define PAGE_MOST 50

/* An order that is not the customer's begins no page. */
static const struct pg_statement list_sealed = {
    .name = "order_personal",
    .sql = "SELECT id, status, accepted_at, sealed FROM orders.orders"
           " WHERE tenant = $1::text AND customer_id = $2::text AND ($3::text = ''"
           "  OR (accepted_at, id) > (SELECT a.accepted_at, a.id FROM orders.orders a"
           "   WHERE a.id = nullif($3::text, '')::uuid AND a.tenant = $1::text"
           "   AND a.customer_id = $2::text))"
           " ORDER BY accepted_at, id LIMIT $4::int8",
    .param_count = 4,
};
enum { ROW_ID, ROW_STATUS, ROW_ACCEPTED, ROW_SEALED };

/* Slices borrow from *root. */
struct question {
    struct slice tenant, customer, after;
};

static enum status read_question(struct json_object *root, struct question *question,
                                 struct error *error) {
    struct uuid id;
    enum status status = json_get_string(root, "tenant", &question->tenant, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "customerId", &question->customer, error);
    if (status == STATUS_OK && json_get_string(root, "after", &question->after, NULL) != STATUS_OK)
        question->after = slice_of(NULL);
    if (status == STATUS_OK && question->after.len > 0 && !uuid_parse(question->after, &id))
        status = error_set(error, STATUS_INVALID, "after: is no order's id");
    return status == STATUS_OK ? STATUS_OK : STATUS_INVALID;
}

static void write_order(struct json_writer *w, const struct pg_result *result, int row,
                        char id[UUID_TEXT_SIZE]) {
    char at[RFC3339_SIZE];
    struct uuid order = pg_get_uuid(result, row, ROW_ID);
    uuid_format(&order, id);
    clock_format(pg_get_time_us(result, row, ROW_ACCEPTED), at);
    json_begin_object(w);
    json_put_text(w, "orderId", id);
    json_put_string(w, "status", pg_get_slice(result, row, ROW_STATUS));
    json_put_text(w, "createdAt", at);
    if (pg_get_slice(result, row, ROW_SEALED).len > 0)
        json_put_string(w, "sealed", pg_get_slice(result, row, ROW_SEALED));
    json_end_object(w);
}

static void write_page(const struct question *question, const struct pg_result *result,
                       struct buf *reply) {
    char last[UUID_TEXT_SIZE] = "";
    int rows = pg_rows(result) > PAGE_MOST ? PAGE_MOST : pg_rows(result);
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_put_string(&w, "tenant", question->tenant);
    json_put_string(&w, "customerId", question->customer);
    json_key(&w, "orders");
    json_begin_array(&w);
    for (int row = 0; row < rows; row++)
        write_order(&w, result, row, last);
    json_end_array(&w);
    if (pg_rows(result) > PAGE_MOST)
        json_put_text(&w, "next", last);
    json_end_object(&w);
}

enum status order_endpoint_personal(struct endpoint_call *call, struct error *error) {
    struct json_object *root = NULL;
    struct pg_result *result = NULL;
    struct question question;
    enum status status = json_parse(call->request, &root, error);
    if (status == STATUS_OK)
        status = read_question(root, &question, error);
    if (status == STATUS_OK) {
        const struct pg_param params[] = {pg_text(question.tenant), pg_text(question.customer),
                                          pg_text(question.after), pg_int64(PAGE_MOST + 1)};
        status = pg_query(call->pg, &list_sealed, params, &result, error);
    }
    if (status == STATUS_OK)
        write_page(&question, result, call->reply);
    pg_result_free(&result);
    json_object_put(root);
    return status;
}
