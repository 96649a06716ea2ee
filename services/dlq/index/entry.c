#include "services/dlq/index/entry.h"

#include "shared/base/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (!slice_is(text, reason_texts[i]))
            continue;
        *reason = (enum dead_reason)i;
        return true;
    }
    return false;
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

static bool has_prefix(struct slice name, const char *prefix) {
    size_t len = strlen(prefix);
    return name.len >= len && strncasecmp(name.ptr, prefix, len) == 0;
}

/* --- to a message ----------------------------------------------------------------------------- */

/* nats.c wants terminated texts. */
static natsStatus add_header(natsMsg *message, const char *prefix, struct slice name,
                             struct slice value) {
    struct buf key = {0}, text = {0};
    buf_append_text(&key, prefix);
    buf_append_slice(&key, name);
    buf_append_slice(&text, value);
    natsStatus s = natsMsgHeader_Add(message, key.ptr, text.ptr);
    buf_fini(&key);
    buf_fini(&text);
    return s;
}

static natsStatus add_originals(natsMsg *message, struct slice block) {
    struct header header;
    natsStatus s = NATS_OK;
    while (s == NATS_OK && header_next(&block, &header)) {
        bool is_renamed = has_prefix(header.name, "Nats-") || has_prefix(header.name, OUR_PREFIX);
        s = add_header(message, is_renamed ? ORIGINAL_PREFIX : "", header.name, header.value);
    }
    return s;
}

static natsStatus add_number(natsMsg *message, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return add_header(message, OUR_PREFIX, slice_of(name), slice_of(text));
}

static natsStatus add_time(natsMsg *message, const char *name, int64_t time_us) {
    char text[RFC3339_SIZE];
    clock_format(time_us, text);
    return add_header(message, OUR_PREFIX, slice_of(name), slice_of(text));
}

static natsStatus add_ours(natsMsg *message, const struct entry *entry) {
    const struct {
        const char *name;
        struct slice value;
        bool is_optional;
    } texts[] = {
        {"Stream", entry->stream, false},
        {"Consumer", entry->consumer, false},
        {"Subject", entry->subject, false},
        {"Reason", slice_of(dead_reason_text(entry->reason)), false},
        {"Error-Code", entry->error_code, true},
        {"Error", entry->error, false},
        {"Service", entry->service, true},
        {"Instance", entry->instance, true},
    };
    natsStatus s = NATS_OK;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && s == NATS_OK; i++) {
        if (!texts[i].is_optional || texts[i].value.len > 0)
            s = add_header(message, OUR_PREFIX, slice_of(texts[i].name), texts[i].value);
    }
    if (s == NATS_OK)
        s = add_number(message, "Sequence", entry->sequence);
    if (s == NATS_OK)
        s = add_number(message, "Deliveries", (uint64_t)entry->deliveries);
    if (s == NATS_OK)
        s = add_time(message, "Time", entry->failed_at_us);
    if (s == NATS_OK)
        s = add_time(message, "Published", entry->published_at_us);
    if (s == NATS_OK)
        s = add_number(message, "Generation", (uint64_t)entry->generation);
    return s;
}

static natsStatus add_expectation(natsMsg *message, uint64_t expected_sequence) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, expected_sequence);
    return natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence", text);
}

size_t entry_size_most(const struct stored_message *original) {
    struct slice block = buf_slice(&original->headers);
    struct header header;
    size_t size = OURS_MOST + original->body.len + original->headers.len;
    while (header_next(&block, &header))
        size += ORIGINAL_PREFIX_LEN + 1;
    return size;
}

enum status entry_message(const struct entry *entry, const struct stored_message *original,
                          uint64_t expected_sequence, const char *reply, natsMsg **message,
                          struct error *error) {
    struct buf subject = {0};
    natsMsg *made = NULL;
    if (original->body.len > INT_MAX)
        return error_set(error, STATUS_INVALID, "a body of %zu bytes", original->body.len);
    entry_write_subject(entry, &subject);
    natsStatus s =
        natsMsg_Create(&made, subject.ptr, reply, original->body.ptr, (int)original->body.len);
    buf_fini(&subject);
    if (s == NATS_OK)
        s = add_originals(made, buf_slice(&original->headers));
    if (s == NATS_OK)
        s = add_ours(made, entry);
    if (s == NATS_OK)
        s = add_expectation(made, expected_sequence);
    if (s != NATS_OK) {
        natsMsg_Destroy(made);
        return nats_error(error, s, "making a dead letter");
    }
    *message = made;
    return STATUS_OK;
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

static bool find_number(struct slice block, const char *name, uint64_t most, uint64_t *value) {
    struct slice text;
    return header_find(block, name, &text) && slice_parse_uint(text, most, value);
}

static bool find_time(struct slice block, const char *name, int64_t *time_us) {
    struct slice text;
    return header_find(block, name, &text) && clock_parse(text, time_us);
}

enum status entry_parse(const struct stored_message *message, struct entry *entry,
                        struct error *error) {
    struct slice block = buf_slice(&message->headers), reason = {0};
    struct entry parsed = {0};
    uint64_t deliveries, generation;
    bool is_entry = parse_subject(slice_of(message->subject), &parsed) &&
                    header_find(block, "Dlq-Subject", &parsed.subject) &&
                    header_find(block, "Dlq-Reason", &reason) &&
                    dead_reason_parse(reason, &parsed.reason) &&
                    header_find(block, "Dlq-Error", &parsed.error) &&
                    find_number(block, "Dlq-Sequence", INT64_MAX, &parsed.sequence) &&
                    find_number(block, "Dlq-Deliveries", INT_MAX, &deliveries) &&
                    find_number(block, "Dlq-Generation", INT_MAX, &generation) &&
                    find_time(block, "Dlq-Time", &parsed.failed_at_us) &&
                    find_time(block, "Dlq-Published", &parsed.published_at_us);
    if (!is_entry)
        return error_set(error, STATUS_INVALID, "message %" PRIu64 " on %s is no dead letter",
                         message->sequence, message->subject);
    (void)header_find(block, "Dlq-Error-Code", &parsed.error_code);
    (void)header_find(block, "Dlq-Service", &parsed.service);
    (void)header_find(block, "Dlq-Instance", &parsed.instance);
    parsed.deliveries = (int)deliveries;
    parsed.generation = (int)generation;
    *entry = parsed;
    return STATUS_OK;
}

bool entry_next_original_header(struct slice *rest, struct header *header) {
    while (header_next(rest, header)) {
        if (has_prefix(header->name, ORIGINAL_PREFIX)) {
            header->name.ptr += ORIGINAL_PREFIX_LEN;
            header->name.len -= ORIGINAL_PREFIX_LEN;
            return true;
        }
        if (!has_prefix(header->name, OUR_PREFIX) && !has_prefix(header->name, "Nats-"))
            return true;
    }
    return false;
}

enum status entry_fetch(struct nats_client *nats, struct slice stream, uint64_t dlq_sequence,
                        struct stored_message *message, struct entry *entry, struct error *error) {
    struct buf dlq_stream = {0};
    struct stored_message read = {0};
    entry_write_stream(stream, &dlq_stream);
    enum status status =
        stored_message_get(nats, buf_slice(&dlq_stream), dlq_sequence, &read, error);
    buf_fini(&dlq_stream);
    if (status == STATUS_OK)
        status = entry_parse(&read, entry, error);
    if (status != STATUS_OK) {
        stored_message_fini(&read);
        return status;
    }
    *message = read;
    return STATUS_OK;
}
