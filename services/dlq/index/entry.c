#include "services/dlq/index/entry.h"

#include "shared/base/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SUBJECT_PREFIX "dlq."
#define OUR_PREFIX "Dlq-"
#define ORIGINAL_PREFIX "Dlq-Original-"
#define ORIGINAL_PREFIX_LEN (sizeof(ORIGINAL_PREFIX) - 1)
#define OURS_MOST 4096 /* bytes of the headers we add */

static const char *const reason_texts[] = {
#define DEAD_REASON_TEXT(id, text, meaning) text,
    DEAD_REASON_TABLE(DEAD_REASON_TEXT)
#undef DEAD_REASON_TEXT
};

const char *dead_reason_text(enum dead_reason reason) {
    return reason_texts[reason];
}

bool dead_reason_parse(struct slice text, enum dead_reason *reason) {
    int at = slice_index(text, reason_texts, REASON_COUNT);
    if (at >= 0)
        *reason = (enum dead_reason)at;
    return at >= 0;
}

static const char *const status_texts[] = {
#define ENTRY_STATUS_TEXT(id, text, meaning) text,
    ENTRY_STATUS_TABLE(ENTRY_STATUS_TEXT)
#undef ENTRY_STATUS_TEXT
};

const char *entry_status_text(enum entry_status status) {
    return status_texts[status];
}

bool entry_status_parse(struct slice text, enum entry_status *status) {
    int at = slice_index(text, status_texts, ENTRY_STATUS_COUNT);
    if (at >= 0)
        *status = (enum entry_status)at;
    return at >= 0;
}

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

/* The headers we add, but for Dlq-Stream, Dlq-Consumer and Dlq-Reason. */
struct field {
    const char *name;
    enum { FIELD_TEXT, FIELD_OPTIONAL, FIELD_NUMBER, FIELD_TIME } kind;
    size_t offset;
    uint64_t most; /* of a number */
};

static const struct field fields[] = {
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
    const struct header texts[] = {
        {SLICE_LITERAL("Nats-Expected-Last-Subject-Sequence"), slice_of(expected)},
        {SLICE_LITERAL("Dlq-Stream"), entry->stream},
        {SLICE_LITERAL("Dlq-Consumer"), entry->consumer},
        {SLICE_LITERAL("Dlq-Reason"), slice_of(dead_reason_text(entry->reason))},
    };
    natsStatus s = NATS_OK;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && s == NATS_OK; i++)
        s = header_add(message, "", texts[i].name, texts[i].value);
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
    struct slice block = buf_slice(&message->headers), reason = {0};
    struct entry parsed = {0};
    bool is_entry = parse_subject(slice_of(message->subject), &parsed) &&
                    header_find(block, "Dlq-Reason", &reason) &&
                    dead_reason_parse(reason, &parsed.reason);
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

/* `first` NULL: message `dlq_sequence`; else the first on that subject. */
static enum status fetch(struct nats_client *nats, struct slice stream, uint64_t dlq_sequence,
                         const char *first, struct stored_message *read, struct error *error) {
    struct buf dlq_stream = {0};
    struct request_batch *requests = request_batch_create(nats);
    entry_write_stream(stream, &dlq_stream);
    if (first != NULL)
        stored_message_ask_next(requests, buf_slice(&dlq_stream), 1, first);
    else
        stored_message_ask(requests, buf_slice(&dlq_stream), dlq_sequence);
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = stored_message_parse(request_batch_reply(requests, 0), read, error);
    request_batch_destroy(&requests);
    buf_fini(&dlq_stream);
    return status;
}

static enum status take(enum status status, struct stored_message *read,
                        struct stored_message *message, struct entry *entry, struct error *error) {
    if (status == STATUS_OK)
        status = entry_parse(read, entry, error);
    if (status == STATUS_OK)
        *message = *read;
    else
        stored_message_fini(read);
    return status;
}

enum status entry_fetch(struct nats_client *nats, struct slice stream, uint64_t dlq_sequence,
                        struct stored_message *message, struct entry *entry, struct error *error) {
    struct stored_message read = {0};
    enum status status = fetch(nats, stream, dlq_sequence, NULL, &read, error);
    return take(status, &read, message, entry, error);
}

enum status entry_fetch_first(struct nats_client *nats, struct slice stream, struct slice id,
                              struct stored_message *message, struct entry *entry,
                              struct error *error) {
    struct stored_message read = {0};
    struct buf subject = {0};
    buf_printf(&subject, "dlq.%.*s", SLICE_ARG(id));
    enum status status = fetch(nats, stream, 0, subject.ptr, &read, error);
    buf_fini(&subject);
    return take(status, &read, message, entry, error);
}
