#include "services/dlq/index/entry.h"

#include "shared/base/clock.h"
#include "shared/base/utf8.h"

#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SUBJECT_PREFIX "dlq."
#define OUR_PREFIX "Dlq-"
#define ORIGINAL_PREFIX "Dlq-Original-"
#define ORIGINAL_PREFIX_LEN (sizeof(ORIGINAL_PREFIX) - 1)
#define OURS_MOST 4096 /* bytes of the headers we add */

void entry_write_stream(struct slice stream, struct buf *out) {
    buf_printf(out, "%.*s_DLQ", SLICE_ARG(stream));
}

void entry_write_id(const struct entry *entry, struct buf *out) {
    buf_printf(out, "%.*s.%.*s.%.*s", SLICE_ARG(entry->stream), SLICE_ARG(entry->consumer),
               SLICE_ARG(entry->event_id));
}

void entry_write_subject(const struct entry *entry, struct buf *out) {
    buf_append_text(out, SUBJECT_PREFIX);
    entry_write_id(entry, out);
}

/* --- to a message ----------------------------------------------------------------------------- */

/* The headers we add. What is given is read from the subject. */
struct field {
    const char *name;
    enum { FIELD_TEXT, FIELD_GIVEN, FIELD_OPTIONAL, FIELD_NUMBER, FIELD_TIME } kind;
    size_t offset;
    uint64_t most; /* of a number */
};

static const struct field fields[] = {
    {"Dlq-Stream", FIELD_GIVEN, offsetof(struct entry, stream), 0},
    {"Dlq-Consumer", FIELD_GIVEN, offsetof(struct entry, consumer), 0},
    {"Dlq-Reason", FIELD_TEXT, offsetof(struct entry, reason), 0},
    {"Dlq-Subject", FIELD_TEXT, offsetof(struct entry, subject), 0},
    {"Dlq-Error-Code", FIELD_OPTIONAL, offsetof(struct entry, error_code), 0},
    {"Dlq-Error", FIELD_TEXT, offsetof(struct entry, error), 0},
    {"Dlq-Service", FIELD_OPTIONAL, offsetof(struct entry, service), 0},
    {"Dlq-Instance", FIELD_OPTIONAL, offsetof(struct entry, instance), 0},
    {"Dlq-Sequence", FIELD_NUMBER, offsetof(struct entry, sequence), INT64_MAX},
    {"Dlq-Deliveries", FIELD_NUMBER, offsetof(struct entry, deliveries), INT_MAX},
    {"Dlq-Time", FIELD_TIME, offsetof(struct entry, failed_at_us), 0},
    {"Dlq-Published", FIELD_TIME, offsetof(struct entry, published_at_us), 0},
    {"Dlq-Generation", FIELD_NUMBER, offsetof(struct entry, generation), INT_MAX},
};

static natsStatus add_originals(natsMsg *message, struct slice block) {
    struct header header;
    natsStatus s = NATS_OK;
    while (s == NATS_OK && header_next(&block, &header)) {
        bool is_renamed =
            header_has_prefix(&header, "Nats-") || header_has_prefix(&header, OUR_PREFIX);
        s = header_add(message, is_renamed ? ORIGINAL_PREFIX : "", header.name, header.value);
    }
    return s;
}

static natsStatus add_field(natsMsg *message, const struct field *field,
                            const struct entry *entry) {
    const void *place = (const char *)entry + field->offset;
    char text[RFC3339_SIZE] = "";
    struct slice value;
    if (field->kind == FIELD_NUMBER)
        snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)place);
    if (field->kind == FIELD_TIME)
        clock_format(*(const int64_t *)place, text);
    value = text[0] == '\0' ? *(const struct slice *)place : slice_of(text);
    if (field->kind == FIELD_OPTIONAL && value.len == 0)
        return NATS_OK;
    return header_add(message, "", slice_of(field->name), value);
}

static natsStatus add_ours(natsMsg *message, const struct entry *entry,
                           uint64_t expected_sequence) {
    char expected[24];
    snprintf(expected, sizeof(expected), "%" PRIu64, expected_sequence);
    natsStatus s = header_add(message, "", SLICE_LITERAL("Nats-Expected-Last-Subject-Sequence"),
                              slice_of(expected));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && s == NATS_OK; i++)
        s = add_field(message, &fields[i], entry);
    return s;
}

size_t entry_size_most(const struct stored_message *original) {
    struct slice block = buf_slice(&original->headers);
    struct header header;
    size_t size = OURS_MOST + original->body.len + original->headers.len;
    while (header_next(&block, &header))
        size += ORIGINAL_PREFIX_LEN + 1;
    return size;
}

natsMsg *entry_message(const struct entry *entry, const struct stored_message *original,
                       uint64_t expected_sequence, const char *reply) {
    struct buf subject = {0};
    natsMsg *made = NULL;
    entry_write_subject(entry, &subject);
    natsStatus s =
        natsMsg_Create(&made, subject.ptr, reply, original->body.ptr, (int)original->body.len);
    buf_fini(&subject);
    if (s == NATS_OK)
        s = add_originals(made, buf_slice(&original->headers));
    if (s == NATS_OK)
        s = add_ours(made, entry, expected_sequence);
    if (s == NATS_OK)
        return made;
    natsMsg_Destroy(made);
    return NULL;
}

/* --- from a message --------------------------------------------------------------------------- */

/* dlq.<stream>.<consumer>.<event id> */
static bool parse_subject(struct slice subject, struct entry *entry) {
    if (!slice_take_prefix(&subject, SUBJECT_PREFIX))
        return false;
    entry->stream = slice_take_until(&subject, '.');
    entry->consumer = slice_take_until(&subject, '.');
    entry->event_id = subject;
    return entry->stream.len > 0 && entry->consumer.len > 0 && subject.len > 0 &&
           memchr(subject.ptr, '.', subject.len) == NULL;
}

static bool find_field(struct slice block, const struct field *field, struct entry *entry) {
    void *place = (char *)entry + field->offset;
    struct slice text;
    if (field->kind == FIELD_GIVEN)
        return true;
    if (!header_find(block, field->name, &text))
        return field->kind == FIELD_OPTIONAL;
    if (field->kind == FIELD_NUMBER)
        return slice_parse_uint(text, field->most, place);
    if (field->kind == FIELD_TIME)
        return clock_parse(text, place);
    *(struct slice *)place = text;
    return true;
}

enum status entry_parse(const struct stored_message *message, struct entry *entry,
                        struct error *error) {
    struct slice block = buf_slice(&message->headers);
    struct entry parsed = {0};
    bool is_entry = parse_subject(slice_of(message->subject), &parsed);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && is_entry; i++)
        is_entry = find_field(block, &fields[i], &parsed);
    if (!is_entry)
        return error_set(error, STATUS_INVALID, "message %" PRIu64 " on %s is no dead letter",
                         message->sequence, message->subject);
    *entry = parsed;
    return STATUS_OK;
}

bool entry_next_original_header(struct slice *rest, struct header *header) {
    while (header_next(rest, header)) {
        if (header_has_prefix(header, ORIGINAL_PREFIX)) {
            header->name.ptr += ORIGINAL_PREFIX_LEN;
            header->name.len -= ORIGINAL_PREFIX_LEN;
            return true;
        }
        if (!header_has_prefix(header, OUR_PREFIX) && !header_has_prefix(header, "Nats-"))
            return true;
    }
    return false;
}

/* --- to JSON, for people to look at ----------------------------------------------------------- */

/* A NATS message takes 1 MiB; escaping makes up to six bytes of one, base64 four of three. */
enum { TEXT_MOST_BYTES = 64 * 1024, BASE64_MOST_BYTES = 384 * 1024 };

/* The next header of that name. */
static bool next_named(struct slice *rest, struct slice name, struct header *header) {
    while (entry_next_original_header(rest, header))
        if (header->name.len == name.len && strncasecmp(header->name.ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

static void write_headers(struct slice block, struct json_writer *w) {
    struct slice rest = block;
    struct header header, same;
    json_key(w, "headers");
    json_begin_object(w);
    while (entry_next_original_header(&rest, &header)) {
        struct slice before = {block.ptr, (size_t)(header.name.ptr - block.ptr)}, all = block;
        if (next_named(&before, header.name, &same))
            continue;
        struct buf name = {0};
        buf_append_slice(&name, header.name);
        json_key(w, name.ptr);
        buf_fini(&name);
        json_begin_array(w);
        while (next_named(&all, header.name, &same))
            json_string(w, same.value);
        json_end_array(w);
    }
    json_end_object(w);
}

static void write_base64(struct slice bytes, struct json_writer *w) {
    struct buf text = {0};
    size_t size = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    buf_reserve(&text, size);
    sodium_bin2base64(text.ptr, size, (const unsigned char *)bytes.ptr, bytes.len,
                      sodium_base64_VARIANT_ORIGINAL);
    json_put_string(w, "bodyBase64", (struct slice){text.ptr, size - 1});
    buf_fini(&text);
}

void entry_write_original(const struct stored_message *message, struct json_writer *w) {
    struct slice body = {message->body.len > 0 ? message->body.ptr : "", message->body.len};
    write_headers(buf_slice(&message->headers), w);
    if (body.len <= TEXT_MOST_BYTES && utf8_is_valid(body))
        json_put_string(w, "body", body);
    json_put_int(w, "bodyBytes", (int64_t)body.len);
    if (body.len > BASE64_MOST_BYTES)
        json_put_bool(w, "bodyTruncated", true);
    if (body.len > BASE64_MOST_BYTES)
        body.len = BASE64_MOST_BYTES;
    write_base64(body, w);
}
