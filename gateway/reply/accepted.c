#include "gateway/reply/accepted.h"

#include "gateway/reply/answer.h"
#include "shared/json/json.h"

static void write_links(struct buf *body, const char *id) {
    buf_append_text(body, "{\"self\":\"/api/v1/orders/");
    buf_append(body, id, UUID_TEXT_LEN);
    buf_append_text(body, "\",\"status\":\"/api/v1/orders/");
    buf_append(body, id, UUID_TEXT_LEN);
    buf_append_text(body, "/status\"}");
}

void accepted_send(h2o_req_t *req, const struct uuid *order_id, const char *status,
                   const char *message, struct buf *scratch) {
    char id[UUID_TEXT_SIZE];
    uuid_format(order_id, id);
    buf_clear(scratch);
    buf_append_text(scratch, "/api/v1/orders/");
    buf_append(scratch, id, UUID_TEXT_LEN);
    answer_header(req, "Location", buf_slice(scratch));
    answer_retry_after(req, 1);

    buf_clear(scratch);
    struct json_writer w = json_writer(scratch);
    json_begin_object(&w);
    json_put_text(&w, "orderId", id);
    json_put_text(&w, "status", status);
    json_put_text(&w, "message", message);
    json_key(&w, "links");
    write_links(scratch, id);
    json_end_object(&w);
    answer_json(req, 202, buf_slice(scratch));
}
