#include "shared/nats/stored_message.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/nats/jetstream_code.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void stored_message_fini(struct stored_message *message) {
    free(message->subject);
    buf_fini(&message->headers);
    buf_fini(&message->body);
    *message = (struct stored_message){0};
}

/* --- asking ----------------------------------------------------------------------------------- */

#define GET "$JS.API.STREAM.MSG.GET.%.*s", SLICE_ARG(stream)

void stored_message_ask(struct request_batch *requests, struct slice stream, uint64_t sequence) {
    char body[48];
    snprintf(body, sizeof(body), "{\"seq\":%" PRIu64 "}", sequence);
    request_batch_add(requests, slice_of(body), GET);
}

void stored_message_ask_next(struct request_batch *requests, struct slice stream, uint64_t sequence,
                             const char *subject) {
    struct buf body = {0};
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_put_int(&w, "seq", (int64_t)sequence);
    json_put_text(&w, "next_by_subj", subject);
    json_end_object(&w);
    request_batch_add(requests, buf_slice(&body), GET);
    buf_fini(&body);
}

void stored_message_ask_last(struct request_batch *requests, struct slice stream,
                             const char *subject) {
    struct buf body = {0};
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_put_text(&w, "last_by_subj", subject);
    json_end_object(&w);
    request_batch_add(requests, buf_slice(&body), GET);
    buf_fini(&body);
}

/* --- the answer ------------------------------------------------------------------------------- */

static enum status read_base64(struct json_object *object, const char *key, struct buf *out,
                               struct error *error) {
    struct slice text;
    enum status status = json_get_string(object, key, &text, NULL);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    buf_reserve(out, text.len + 1);
    if (status != STATUS_OK ||
        sodium_base642bin((unsigned char *)out->ptr, text.len, text.ptr, text.len, NULL, &out->len,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return error_set(error, STATUS_INVALID, "%s is no base64", key);
    out->ptr[out->len] = '\0';
    return STATUS_OK;
}

static enum status read_message(struct json_object *object, struct stored_message *message,
                                struct error *error) {
    struct slice subject, time;
    int64_t sequence;
    enum status status = json_get_string(object, "subject", &subject, error);
    if (status == STATUS_OK)
        status = json_get_int64(object, "seq", &sequence, error);
    if (status == STATUS_OK)
        status = json_get_string(object, "time", &time, error);
    if (status == STATUS_OK && !clock_parse(time, &message->time_us))
        status = error_set(error, STATUS_INVALID, "a stored message without its time");
    if (status == STATUS_OK)
        status = read_base64(object, "hdrs", &message->headers, error);
    if (status == STATUS_OK)
        status = read_base64(object, "data", &message->body, error);
    if (status != STATUS_OK)
        return status;
    message->subject = mem_copy(subject);
    message->sequence = (uint64_t)sequence;
    return STATUS_OK;
}

enum status api_parse(struct slice reply, struct json_object **root, struct error *error) {
    struct json_object *parsed = NULL, *refused = NULL;
    struct slice text = SLICE_LITERAL("refused");
    int64_t code = 0;
    enum status status = json_parse(reply, &parsed, error);
    if (status == STATUS_OK && json_get_object(parsed, "error", &refused, NULL) == STATUS_OK) {
        (void)!json_get_int64(refused, "err_code", &code, NULL);
        (void)!json_get_string(refused, "description", &text, NULL);
        bool is_missing = code == JETSTREAM_CONSUMER_NOT_FOUND || code == JETSTREAM_NO_MESSAGE ||
                          code == JETSTREAM_STREAM_NOT_FOUND;
        status = error_set(error, is_missing ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE,
                           "asking JetStream: %.*s", SLICE_ARG(text));
    }
    if (status == STATUS_OK)
        *root = parsed;
    else
        json_object_put(parsed);
    return status;
}

enum status stored_message_parse(struct slice reply, struct stored_message *message,
                                 struct error *error) {
    struct json_object *root = NULL, *member = NULL;
    struct stored_message read = {0};
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_OK)
        status = json_get_object(root, "message", &member, error);
    if (status == STATUS_OK)
        status = read_message(member, &read, error);
    json_object_put(root);
    if (status != STATUS_OK)
        stored_message_fini(&read);
    else
        *message = read;
    return status;
}

/* --- headers ---------------------------------------------------------------------------------- */

bool header_next(struct slice *rest, struct header *header) {
    while (rest->len > 0) {
        struct slice value = slice_take_line(rest);
        struct slice name = slice_take_until(&value, ':');
        if (name.len == 0 || value.ptr == NULL)
            continue;
        slice_take_prefix(&value, " ");
        *header = (struct header){name, value};
        return true;
    }
    return false;
}

bool header_find(struct slice block, const char *name, struct slice *value) {
    struct header header;
    while (header_next(&block, &header)) {
        if (slice_is(header.name, name)) {
            *value = header.value;
            return true;
        }
    }
    return false;
}

bool header_has_prefix(const struct header *header, const char *prefix) {
    size_t len = strlen(prefix);
    return header->name.len >= len && strncasecmp(header->name.ptr, prefix, len) == 0;
}

/* nats.c wants terminated texts. */
natsStatus header_add(natsMsg *message, const char *prefix, struct slice name, struct slice value) {
    struct buf key = {0}, text = {0};
    buf_append_text(&key, prefix);
    buf_append_slice(&key, name);
    buf_append_slice(&text, value);
    natsStatus s = natsMsgHeader_Add(message, key.ptr, text.ptr == NULL ? "" : text.ptr);
    buf_fini(&key);
    buf_fini(&text);
    return s;
}
