#include "services/dlq/collect/reading.h"

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"

#define WAIT_MOST_US INT64_C(2000000)
#define NAP_MS 20

/* Reads root.<group>.<figure> of the API's answer. */
static enum status ask(struct request_batch *requests, const struct buf *subject, const char *group,
                       const char *figure, int64_t *value, struct error *error) {
    struct json_object *root = NULL, *object = NULL;
    request_batch_clear(requests);
    request_batch_add(requests, subject->ptr, SLICE_LITERAL(""));
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = json_parse(request_batch_reply(requests, 0), &root, error);
    if (status == STATUS_OK && (json_get_object(root, group, &object, error) != STATUS_OK ||
                                json_get_int64(object, figure, value, error) != STATUS_OK))
        status =
            error_set(error, STATUS_UNAVAILABLE, "the server does not say %s.%s", group, figure);
    json_object_put(root);
    return status;
}

static enum status read_last(struct request_batch *requests, const char *stream, int64_t *last,
                             struct error *error) {
    struct buf subject = {0};
    buf_printf(&subject, "$JS.API.STREAM.INFO.%s", stream);
    enum status status = ask(requests, &subject, "state", "last_seq", last, error);
    buf_fini(&subject);
    return status;
}

static enum status read_done(struct request_batch *requests, const char *stream, int64_t *done,
                             struct error *error) {
    struct buf subject = {0};
    buf_printf(&subject, "$JS.API.CONSUMER.INFO.%s.dlq", stream);
    enum status status = ask(requests, &subject, "ack_floor", "stream_seq", done, error);
    buf_fini(&subject);
    return status;
}

enum status reading_is_behind(struct request_batch *requests, const char *stream, bool *is_behind,
                              struct error *error) {
    int64_t last = 0, done = 0;
    enum status status = read_last(requests, stream, &last, error);
    if (status == STATUS_OK)
        status = read_done(requests, stream, &done, error);
    if (status == STATUS_OK)
        *is_behind = done < last;
    return status;
}

enum status reading_await_reports(struct request_batch *requests, struct error *error) {
    int64_t last = 0, done = 0, until_us = clock_monotonic_us() + WAIT_MOST_US;
    enum status status = read_last(requests, "FAILURES", &last, error);
    while (status == STATUS_OK) {
        status = read_done(requests, "FAILURES", &done, error);
        if (done >= last || clock_monotonic_us() > until_us)
            break;
        clock_sleep_ms(NAP_MS);
    }
    return status;
}
