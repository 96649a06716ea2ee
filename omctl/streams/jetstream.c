#include "omctl/streams/jetstream.h"

#include "shared/base/clock.h"

#include <string.h>

#define CALL_TIMEOUT_MS 5000
#define READY_POLL_MS 200

static void read_refusal(struct json_object *reply, struct jetstream_refusal *refused) {
    struct json_object *object;
    *refused = (struct jetstream_refusal){0};
    if (json_get_object(reply, "error", &object, NULL) != STATUS_OK)
        return;
    struct slice text = SLICE_LITERAL("no reason given");
    if (json_get_int64(object, "err_code", &refused->code, NULL) != STATUS_OK || refused->code == 0)
        refused->code = -1;
    (void)!json_get_string(object, "description", &text, NULL);
    snprintf(refused->text, sizeof(refused->text), "%.*s", SLICE_ARG(text));
}

enum status jetstream_call(struct nats_client *nats, const char *verb, struct json_object *body,
                           struct json_object **reply, struct jetstream_refusal *refused,
                           struct error *error) {
    struct buf subject = {0};
    buf_printf(&subject, "$JS.API.%s", verb);
    const char *text = body != NULL ? json_object_to_json_string(body) : "";
    natsMsg *answer = NULL;
    natsStatus s = natsConnection_RequestString(&answer, nats_client_fast(nats), subject.ptr, text,
                                                CALL_TIMEOUT_MS);
    enum status status = nats_error(error, s, subject.ptr);
    buf_fini(&subject);
    if (status != STATUS_OK)
        return status;
    struct slice payload = {natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)};
    status = json_parse(payload, reply, error);
    natsMsg_Destroy(answer);
    if (status == STATUS_OK)
        read_refusal(*reply, refused);
    return status;
}

enum status jetstream_wait(struct nats_client *nats, int64_t timeout_ms, struct error *error) {
    int64_t until = clock_monotonic_us() + timeout_ms * 1000;
    for (;;) {
        struct json_object *reply;
        struct jetstream_refusal refused;
        enum status status = jetstream_call(nats, "INFO", NULL, &reply, &refused, error);
        if (status == STATUS_OK) {
            json_object_put(reply);
            if (refused.code == 0)
                return STATUS_OK;
            status = error_set(error, STATUS_UNAVAILABLE, "JetStream: %s", refused.text);
        }
        if (clock_monotonic_us() >= until)
            return status;
        clock_sleep_ms(READY_POLL_MS);
    }
}

static enum status read_horizon(struct json_object *info, int64_t *horizon_us,
                                struct error *error) {
    struct json_object *state;
    struct slice text;
    int64_t first = 0;
    enum status status = json_get_object(info, "state", &state, error);
    if (status == STATUS_OK)
        status = json_get_int64(state, "first_seq", &first, error);
    if (status == STATUS_OK)
        status = first > 1 ? json_get_string(state, "first_ts", &text, error)
                           : json_get_string(info, "created", &text, error);
    if (status == STATUS_OK && !clock_parse(text, horizon_us))
        status = error_set(error, STATUS_INVALID, "not a time: %.*s", SLICE_ARG(text));
    /* An emptied stream says the year 1: nothing of what there was is left in it. */
    if (status == STATUS_OK && first > 1 && *horizon_us <= 0)
        *horizon_us = clock_now_us();
    return status;
}

enum status jetstream_horizon(struct nats_client *nats, const char *stream, int64_t *horizon_us,
                              struct error *error) {
    struct json_object *info = NULL;
    struct jetstream_refusal refused;
    char verb[100];
    snprintf(verb, sizeof(verb), "STREAM.INFO.%s", stream);
    enum status status = jetstream_call(nats, verb, NULL, &info, &refused, error);
    if (status == STATUS_OK && refused.code != 0)
        status = error_set(error, STATUS_NOT_FOUND, "stream %s: %s", stream, refused.text);
    if (status == STATUS_OK)
        status = read_horizon(info, horizon_us, error);
    json_object_put(info);
    return status;
}
