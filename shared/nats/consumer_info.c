#include "shared/nats/consumer_info.h"

#include "shared/json/json.h"
#include "shared/nats/jetstream_code.h"
#include "shared/nats/subject.h"

#include <stdio.h>

static enum status read_refusal(struct json_object *refused, struct error *error) {
    int64_t code = 0;
    struct slice text = SLICE_LITERAL("refused");
    (void)!json_get_int64(refused, "err_code", &code, NULL);
    (void)!json_get_string(refused, "description", &text, NULL);
    if (code == JETSTREAM_STREAM_NOT_FOUND)
        return error_set(error, STATUS_NOT_FOUND, "its stream is missing; run `omctl provision`");
    if (code == JETSTREAM_CONSUMER_NOT_FOUND)
        return error_set(error, STATUS_NOT_FOUND, "it is missing; run `omctl provision`");
    return error_set(error, STATUS_UNAVAILABLE, "JetStream: %.*s (%d)", SLICE_ARG(text), (int)code);
}

static void copy(struct json_object *object, const char *key, char *text, size_t size) {
    struct slice value;
    text[0] = '\0';
    if (json_get_string(object, key, &value, NULL) == STATUS_OK)
        snprintf(text, size, "%.*s", SLICE_ARG(value));
}

/* Without a filter it takes the whole stream. */
static bool takes(struct json_object *config, const char *subject) {
    struct slice one = SLICE_LITERAL("");
    struct json_object *many = NULL;
    (void)!json_get_string(config, "filter_subject", &one, NULL);
    if (json_get_array(config, "filter_subjects", &many, NULL) != STATUS_OK)
        return one.len == 0 || subject_matches(one, slice_of(subject));
    bool is_taken = json_object_array_length(many) == 0;
    for (size_t i = 0; i < json_object_array_length(many) && !is_taken; i++) {
        const char *filter = json_object_get_string(json_object_array_get_idx(many, i));
        is_taken = subject_matches(slice_of(filter), slice_of(subject));
    }
    return is_taken;
}

/* Ours are pulled from and acknowledged; a server changes neither in a consumer that is there. */
static bool is_another_kind(struct json_object *config) {
    struct slice policy = SLICE_LITERAL(""), target = SLICE_LITERAL("");
    (void)!json_get_string(config, "ack_policy", &policy, NULL);
    (void)!json_get_string(config, "deliver_subject", &target, NULL);
    return !slice_is(policy, "explicit") || target.len > 0;
}

static enum status refuse_kind(struct json_object *root, struct error *error) {
    struct slice stream = SLICE_LITERAL("?"), name = SLICE_LITERAL("?");
    (void)!json_get_string(root, "stream_name", &stream, NULL);
    (void)!json_get_string(root, "name", &name, NULL);
    return error_set(error, STATUS_UNAVAILABLE,
                     "it is of another kind than declared: remove it "
                     "(`nats consumer rm %.*s %.*s`) and run `omctl provision`",
                     SLICE_ARG(stream), SLICE_ARG(name));
}

static enum status read(struct json_object *root, const struct subject_list *needs,
                        struct consumer_info *info, struct error *error) {
    struct json_object *config = NULL, *refused = NULL, *paused = NULL;
    struct consumer_info got = {0};
    int64_t ack_wait_ns = 0;
    if (json_get_object(root, "error", &refused, NULL) == STATUS_OK)
        return read_refusal(refused, error);
    enum status status = json_get_object(root, "config", &config, error);
    if (status == STATUS_OK && is_another_kind(config))
        return refuse_kind(root, error);
    if (status == STATUS_OK)
        status = json_get_int64(config, "ack_wait", &ack_wait_ns, error);
    if (status == STATUS_OK)
        status = json_get_int64(config, "max_deliver", &got.deliveries_max, error);
    if (status != STATUS_OK)
        return status;
    got.ack_wait_ms = ack_wait_ns / 1000000;
    got.is_paused =
        json_object_object_get_ex(root, "paused", &paused) && json_object_get_boolean(paused);
    copy(config, "pause_until", got.paused_until, sizeof(got.paused_until));
    copy(root, "created", got.created, sizeof(got.created));
    got.is_useless = needs->count > 0;
    for (size_t i = 0; i < needs->count && got.is_useless; i++)
        got.is_useless = !takes(config, needs->items[i]);
    *info = got;
    return STATUS_OK;
}

enum status consumer_info_parse(struct slice reply, const struct subject_list *needs,
                                struct consumer_info *info, struct error *error) {
    struct json_object *root = NULL;
    enum status status = json_parse(reply, &root, error);
    if (status != STATUS_OK)
        return status;
    status = read(root, needs, info, error);
    json_object_put(root);
    return status;
}
