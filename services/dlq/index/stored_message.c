#include "services/dlq/index/stored_message.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "shared/nats/jetstream_code.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void stored_message_fini(struct stored_message *message) {
    free(message->subject);
    buf_fini(&message->headers);
    buf_fini(&message->body);
    *message = (struct stored_message){0};
}

/* --- asking ----------------------------------------------------------------------------------- */

static void ask(struct request_batch *requests, struct slice stream, const struct buf *body) {
    struct buf subject = {0};
    buf_printf(&subject, "$JS.API.STREAM.MSG.GET.%.*s", SLICE_ARG(stream));
    request_batch_add(requests, subject.ptr, buf_slice(body));
    buf_fini(&subject);
}

void stored_message_ask(struct request_batch *requests, struct slice stream, uint64_t sequence) {
    struct buf body = {0};
    buf_printf(&body, "{\"seq\":%" PRIu64 "}", sequence);
    ask(requests, stream, &body);
    buf_fini(&body);
}

void stored_message_ask_last(struct request_batch *requests, struct slice stream,
                             const char *subject) {
    struct buf body = {0};
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_put_text(&w, "last_by_subj", subject);
    json_end_object(&w);
    ask(requests, stream, &body);
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

static enum status refused_as(struct json_object *refused, struct error *error) {
    int64_t code = 0;
    struct slice text = SLICE_LITERAL("refused");
    (void)!json_get_int64(refused, "err_code", &code, NULL);
    (void)!json_get_string(refused, "description", &text, NULL);
    bool is_missing = code == JETSTREAM_NO_MESSAGE || code == JETSTREAM_STREAM_NOT_FOUND;
    return error_set(error, is_missing ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE,
                     "reading a stored message: %.*s", SLICE_ARG(text));
}

enum status stored_message_parse(struct slice reply, struct stored_message *message,
                                 struct error *error) {
    struct json_object *root = NULL, *member = NULL;
    struct stored_message read = {0};
    enum status status = json_parse(reply, &root, error);
    if (status != STATUS_OK)
        return status;
    if (json_get_object(root, "error", &member, NULL) == STATUS_OK)
        status = refused_as(member, error);
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

enum status stored_message_get(struct nats_client *nats, struct slice stream, uint64_t sequence,
                               struct stored_message *message, struct error *error) {
    struct request_batch *requests = request_batch_create(nats);
    stored_message_ask(requests, stream, sequence);
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = stored_message_parse(request_batch_reply(requests, 0), message, error);
    request_batch_destroy(&requests);
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
