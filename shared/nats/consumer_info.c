#include "shared/nats/consumer_info.h"

#include "shared/base/clock.h"
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
bool consumer_takes(struct json_object *config, struct slice subject) {
    struct slice one = SLICE_LITERAL("");
    struct json_object *many = NULL;
    (void)!json_get_string(config, "filter_subject", &one, NULL);
    if (json_get_array(config, "filter_subjects", &many, NULL) != STATUS_OK)
        return one.len == 0 || subject_matches(one, subject);
    bool is_taken = json_object_array_length(many) == 0;
    for (size_t i = 0; i < json_object_array_length(many) && !is_taken; i++) {
        const char *filter = json_object_get_string(json_object_array_get_idx(many, i));
        is_taken = subject_matches(slice_of(filter), subject);
    }
    return is_taken;
}

/* --- the kind --------------------------------------------------------------------------------- */

/* No server changes these in a consumer that is there. */
static const struct {
    const char *field, *ours;
} for_life[] = {
    {"ack_policy", "explicit"},
    {"deliver_subject", ""},
    {"deliver_policy", "all"}, /* another one leaves out what was stored before */
    {"replay_policy", "instant"},
};

static enum status refuse_for_life(struct json_object *root, const char *field, struct slice value,
                                   struct error *error) {
    struct slice stream = SLICE_LITERAL("?"), name = SLICE_LITERAL("?");
    (void)!json_get_string(root, "stream_name", &stream, NULL);
    (void)!json_get_string(root, "name", &name, NULL);
    return error_set(error, STATUS_UNAVAILABLE,
                     "it is of another kind than declared (%s %.*s): remove it "
                     "(`nats consumer rm %.*s %.*s`) and run `omctl provision`",
                     field, SLICE_ARG(value), SLICE_ARG(stream), SLICE_ARG(name));
}

static enum status refuse(const char *field, const char *value, struct error *error) {
    return error_set(error, STATUS_UNAVAILABLE,
                     "it is of another kind than declared (%s %s): run `omctl provision`", field,
                     value);
}

/* 0 and below: no limit. */
static int64_t limit_of(struct json_object *config, const char *field) {
    int64_t value = 0;
    (void)!json_get_int64(config, field, &value, NULL);
    return value > 0 ? value : INT64_MAX;
}

static enum status judge_number(struct json_object *config, const char *field, int64_t least,
                                struct error *error) {
    char text[24];
    int64_t value = limit_of(config, field);
    snprintf(text, sizeof(text), "%lld", (long long)value);
    return value >= least ? STATUS_OK : refuse(field, text, error);
}

static enum status judge_expires(struct json_object *config, int64_t least_ns,
                                 struct error *error) {
    char text[DURATION_SIZE];
    int64_t value_ns = limit_of(config, "max_expires");
    clock_format_duration(value_ns, text);
    return value_ns >= least_ns ? STATUS_OK : refuse("max_expires", text, error);
}

static enum status judge_kind(struct json_object *root, struct json_object *config,
                              const struct consumer_use *use, struct error *error) {
    struct json_object *headers_only = NULL;
    for (size_t i = 0; i < sizeof(for_life) / sizeof(for_life[0]); i++) {
        struct slice value = SLICE_LITERAL("");
        (void)!json_get_string(config, for_life[i].field, &value, NULL);
        if (!slice_is(value, for_life[i].ours))
            return refuse_for_life(root, for_life[i].field, value, error);
    }
    if (json_object_object_get_ex(config, "headers_only", &headers_only) &&
        json_object_get_boolean(headers_only))
        return refuse("headers_only", "true", error);
    enum status status = judge_number(config, "max_deliver", 2, error);
    if (status == STATUS_OK)
        status = judge_number(config, "max_batch", use->batch_max, error);
    return status == STATUS_OK ? judge_expires(config, use->expires_ns, error) : status;
}

/* --- the answer ------------------------------------------------------------------------------- */

static enum status read(struct json_object *root, const struct consumer_use *use,
                        struct consumer_info *info, struct error *error) {
    struct json_object *config = NULL, *refused = NULL, *paused = NULL;
    struct consumer_info got = {0};
    int64_t ack_wait_ns = 0;
    if (json_get_object(root, "error", &refused, NULL) == STATUS_OK)
        return read_refusal(refused, error);
    enum status status = json_get_object(root, "config", &config, error);
    if (status == STATUS_OK)
        status = judge_kind(root, config, use, error);
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
    got.is_useless = use->needs.count > 0;
    for (size_t i = 0; i < use->needs.count && got.is_useless; i++)
        got.is_useless = !consumer_takes(config, slice_of(use->needs.items[i]));
    *info = got;
    return STATUS_OK;
}

enum status consumer_info_parse(struct slice reply, const struct consumer_use *use,
                                struct consumer_info *info, struct error *error) {
    struct json_object *root = NULL;
    enum status status = json_parse(reply, &root, error);
    if (status != STATUS_OK)
        return status;
    status = read(root, use, info, error);
    json_object_put(root);
    return status;
}
