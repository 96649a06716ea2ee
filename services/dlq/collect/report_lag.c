#include "services/dlq/collect/report_lag.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"

#define WAIT_MOST_US INT64_C(2000000)
#define NAP_MS 20

/* Reads root.<group>.<figure> of an API answer. */
static enum status read_figure(struct slice reply, const char *group, const char *figure,
                               int64_t *value, struct error *error) {
    struct json_object *root = NULL, *object = NULL;
    enum status status = json_parse(reply, &root, error);
    if (status != STATUS_OK)
        return status;
    if (json_get_object(root, group, &object, error) != STATUS_OK ||
        json_get_int64(object, figure, value, error) != STATUS_OK)
        status =
            error_set(error, STATUS_UNAVAILABLE, "the server does not say %s.%s", group, figure);
    json_object_put(root);
    return status;
}

static enum status ask(struct request_batch *requests, const char *subject, const char *group,
                       const char *figure, int64_t *value, struct error *error) {
    request_batch_clear(requests);
    request_batch_add(requests, subject, SLICE_LITERAL(""));
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = read_figure(request_batch_reply(requests, 0), group, figure, value, error);
    request_batch_clear(requests);
    return status;
}

enum status report_lag_wait(struct request_batch *requests, struct error *error) {
    int64_t last = 0, read = 0, until_us = clock_monotonic_us() + WAIT_MOST_US;
    enum status status =
        ask(requests, "$JS.API.STREAM.INFO.FAILURES", "state", "last_seq", &last, error);
    while (status == STATUS_OK) {
        status = ask(requests, "$JS.API.CONSUMER.INFO.FAILURES.dlq", "ack_floor", "stream_seq",
                     &read, error);
        if (read >= last || clock_monotonic_us() > until_us)
            break;
        clock_sleep_ms(NAP_MS);
    }
    return status;
}
