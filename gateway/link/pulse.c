#include "gateway/link/pulse.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"

static void count(struct pulse *pulse, struct json_object *update) {
    int64_t sequence;
    struct slice text;
    enum order_status status;
    if (json_get_int64(update, "sequence", &sequence, NULL) == STATUS_OK && sequence == 1)
        pulse->accepted++;
    if (json_get_string(update, "was", &text, NULL) == STATUS_OK &&
        json_get_string(update, "status", &text, NULL) == STATUS_OK &&
        order_status_parse(text, &status))
        pulse->became[status]++;
}

bool pulse_take(struct pulse *pulse, const struct uuid *order_id, struct slice update,
                int64_t sample_most, struct buf *out) {
    struct json_object *root = NULL;
    char id[UUID_TEXT_SIZE];
    if (json_parse(update, &root, NULL) != STATUS_OK)
        return false;
    count(pulse, root);
    json_object_put(root);
    pulse->updates++;
    if (pulse->shown == sample_most)
        return false;
    pulse->shown++;
    uuid_format(order_id, id);
    /* the members follow behind the update's opening brace */
    buf_printf(out, "event: order\ndata: {\"orderId\":\"%s\",", id);
    buf_append(out, update.ptr + 1, update.len - 1);
    buf_append_text(out, "\n\n");
    return true;
}

void pulse_end_second(struct pulse *pulse, int64_t now_us, struct buf *out) {
    char at[RFC3339_SIZE];
    clock_format(now_us, at);
    buf_append_text(out, "event: second\ndata: ");
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "at", at);
    json_put_int(&w, "updates", pulse->updates);
    json_put_int(&w, "shown", pulse->shown);
    json_put_int(&w, "accepted", pulse->accepted);
    json_put_int(&w, "confirmed", pulse->became[ORDER_CONFIRMED]);
    json_put_int(&w, "completed", pulse->became[ORDER_COMPLETED]);
    json_put_int(&w, "failed", pulse->became[ORDER_FAILED]);
    json_put_int(&w, "cancelled", pulse->became[ORDER_CANCELLED]);
    json_end_object(&w);
    buf_append_text(out, "\n\n");
    *pulse = (struct pulse){0};
}
