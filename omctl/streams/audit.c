#include "omctl/streams/audit.h"

#include "omctl/dlq/dlq_print.h"
#include "omctl/streams/stream_reader.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/dlq_filter.h"
#include "shared/nats/mesh_call.h"

#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY 100000
#define DETAIL_COLUMN 63 /* where a row has its type */

/* --- entries ---------------------------------------------------------------------------------- */

void audit_fini(struct audit *audit) {
    for (size_t i = 0; i < audit->count; i++)
        json_object_put(audit->entries[i].envelope);
    free(audit->entries);
    json_object_put(audit->dead_letters);
    *audit = (struct audit){0};
}

static struct audit_entry *find_event(const struct audit *audit, struct slice id) {
    for (size_t i = 0; i < audit->count; i++) {
        if (slice_equal(audit->entries[i].id, id))
            return &audit->entries[i];
    }
    return NULL;
}

static bool read_entry(struct json_object *envelope, const struct uuid *order_id,
                       struct audit_entry *entry) {
    struct slice subject, time;
    struct uuid about;
    if (json_get_string(envelope, "subject", &subject, NULL) != STATUS_OK ||
        !uuid_parse(subject, &about) || uuid_compare(&about, order_id) != 0 ||
        json_get_string(envelope, "id", &entry->id, NULL) != STATUS_OK ||
        json_get_string(envelope, "type", &entry->type, NULL) != STATUS_OK ||
        json_get_string(envelope, "source", &entry->source, NULL) != STATUS_OK ||
        json_get_string(envelope, "time", &time, NULL) != STATUS_OK ||
        !clock_parse(time, &entry->time_us))
        return false;
    if (json_get_string(envelope, "causationid", &entry->cause, NULL) != STATUS_OK)
        entry->cause = slice_of(NULL);
    entry->envelope = envelope;
    return true;
}

static void append(struct audit *audit, const struct audit_entry *entry) {
    if (audit->count == audit->capacity) {
        size_t capacity = audit->capacity > 0 ? audit->capacity * 2 : 16;
        struct audit_entry *entries = mem_alloc(capacity * sizeof(*entries));
        if (audit->count > 0)
            memcpy(entries, audit->entries, audit->count * sizeof(*entries));
        free(audit->entries);
        audit->entries = entries;
        audit->capacity = capacity;
    }
    audit->entries[audit->count++] = *entry;
}

void audit_add(struct audit *audit, const struct uuid *order_id, const char *stream,
               uint64_t sequence, struct slice payload) {
    struct audit_entry entry = {.stream = stream, .sequence = sequence, .copies = 1};
    struct json_object *envelope = NULL;
    char id[UUID_TEXT_SIZE];
    uuid_format(order_id, id);
    /* Nearly all messages are about other orders, and parsing is what costs. */
    if (payload.len == 0 || memmem(payload.ptr, payload.len, id, UUID_TEXT_LEN) == NULL ||
        json_parse(payload, &envelope, NULL) != STATUS_OK)
        return;
    struct audit_entry *known = NULL;
    bool is_ours = read_entry(envelope, order_id, &entry);
    if (is_ours)
        known = find_event(audit, entry.id);
    if (known != NULL)
        known->copies++;
    if (is_ours && known == NULL)
        append(audit, &entry);
    else
        json_object_put(envelope);
}

/* --- causal order ----------------------------------------------------------------------------- */

static bool is_earlier(const struct audit_entry *a, const struct audit_entry *b) {
    if (a->time_us != b->time_us)
        return a->time_us < b->time_us;
    int order = strcmp(a->stream, b->stream);
    return order != 0 ? order < 0 : a->sequence < b->sequence;
}

/* Whether the cause is among those from `first` on, which are not placed yet. */
static bool is_caused_later(const struct audit *audit, size_t first, size_t entry) {
    for (size_t i = first; i < audit->count; i++) {
        if (i != entry && slice_equal(audit->entries[i].id, audit->entries[entry].cause))
            return true;
    }
    return false;
}

static int depth_of(const struct audit *audit, size_t placed, const struct audit_entry *entry) {
    for (size_t i = 0; i < placed; i++) {
        if (slice_equal(audit->entries[i].id, entry->cause))
            return audit->entries[i].depth + 1;
    }
    return 0;
}

void audit_sort(struct audit *audit) {
    for (size_t placed = 0; placed < audit->count; placed++) {
        size_t best = audit->count;
        for (size_t i = placed; i < audit->count; i++) {
            if ((best == audit->count || is_earlier(&audit->entries[i], &audit->entries[best])) &&
                !is_caused_later(audit, placed, i))
                best = i;
        }
        if (best == audit->count)
            best = placed; /* by their word each caused the other */
        struct audit_entry entry = audit->entries[best];
        audit->entries[best] = audit->entries[placed];
        entry.depth = depth_of(audit, placed, &entry);
        audit->entries[placed] = entry;
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum status read_stream(struct nats_client *nats, const char *stream,
                               const struct uuid *order_id, int64_t since_us, FILE *progress,
                               struct audit *audit, struct error *error) {
    const struct stream_position from = {.time_us = since_us};
    struct stream_reader *reader = NULL;
    struct stream_message message;
    int64_t read = 0;
    enum status status = stream_reader_create(nats, stream, &from, &reader, error);
    while (status == STATUS_OK) {
        status = stream_reader_next(reader, &message, error);
        if (status != STATUS_OK)
            break;
        audit_add(audit, order_id, stream, message.sequence, message.payload);
        if (++read % PROGRESS_EVERY == 0)
            fprintf(progress, "%s: %lld messages looked through, %lld to go\n", stream,
                    (long long)read, (long long)stream_reader_remaining(reader));
    }
    stream_reader_destroy(&reader);
    if (status == STATUS_CLOSED)
        fprintf(progress, "%s: %lld messages looked through\n", stream, (long long)read);
    return status == STATUS_CLOSED ? STATUS_OK : status;
}

enum status audit_read(struct nats_client *nats, const struct uuid *order_id, int64_t since_us,
                       FILE *progress, struct audit *audit, struct error *error) {
    for (size_t i = 0; i < EVENT_STREAM_COUNT; i++) {
        enum status status =
            read_stream(nats, event_streams[i], order_id, since_us, progress, audit, error);
        if (status != STATUS_OK)
            return status;
    }
    audit_sort(audit);
    return STATUS_OK;
}

enum status audit_read_dead(struct nats_client *nats, const struct uuid *order_id,
                            struct audit *audit, struct error *error) {
    struct buf body = {0};
    struct json_writer w = json_writer(&body);
    struct json_object *page = NULL, *entries;
    char id[UUID_TEXT_SIZE];
    uuid_format(order_id, id);
    struct dlq_filter filter = {0};
    filter.text[DLQ_FILTER_ORDER] = slice_of(id);
    filter.text[DLQ_FILTER_STATUS] = SLICE_LITERAL("any");
    json_begin_object(&w);
    dlq_filter_write(&filter, &w);
    json_put_int(&w, "limit", DLQ_LIMIT_MOST);
    json_end_object(&w);
    enum status status =
        mesh_call(nats, "mesh.dlq.list", buf_slice(&body), MESH_CALL_MS, &page, error);
    if (status == STATUS_OK)
        status = json_get_array(page, "entries", &entries, error);
    if (status == STATUS_OK)
        audit->dead_letters = json_object_get(entries);
    json_object_put(page);
    buf_fini(&body);
    return status;
}

/* --- printing --------------------------------------------------------------------------------- */

/* Of the data, what tells most: the reason, the tracking number. */
static struct slice detail_of(const struct audit_entry *entry) {
    static const char *const keys[] = {"reason", "trackingNumber", "chargeId", "refundId",
                                       "channel"};
    struct json_object *data;
    struct slice text;
    if (json_get_object(entry->envelope, "data", &data, NULL) != STATUS_OK)
        return slice_of(NULL);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (json_get_string(data, keys[i], &text, NULL) == STATUS_OK)
            return text;
    }
    return slice_of(NULL);
}

static void print_entry(const struct audit_entry *entry, int64_t start_us, FILE *out) {
    static const char prefix[] = "io.ordermesh.";
    char time[RFC3339_SIZE], place[64];
    struct slice type = entry->type;
    struct slice detail = detail_of(entry);
    if (type.len > sizeof(prefix) - 1 && memcmp(type.ptr, prefix, sizeof(prefix) - 1) == 0)
        type = (struct slice){type.ptr + sizeof(prefix) - 1, type.len - sizeof(prefix) + 1};
    clock_format(entry->time_us, time);
    snprintf(place, sizeof(place), "%s/%llu", entry->stream, (unsigned long long)entry->sequence);
    fprintf(out, "%s %9.3f ms  %-20s %*s%.*s", time, (double)(entry->time_us - start_us) / 1000,
            place, 2 * entry->depth, "", SLICE_ARG(type));
    if (detail.len > 0)
        fprintf(out, "  %.*s", SLICE_ARG(detail));
    if (entry->copies > 1)
        fprintf(out, "  (%d times)", entry->copies);
    fputc('\n', out);
}

static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : SLICE_LITERAL("");
}

static size_t dead_count(const struct audit *audit) {
    return audit->dead_letters == NULL ? 0 : json_object_array_length(audit->dead_letters);
}

static void print_dead(struct json_object *dead, int depth, FILE *out) {
    fprintf(out, "%*s%.*s for %.*s/%.*s: %.*s, ", DETAIL_COLUMN + 2 * depth, "",
            SLICE_ARG(text_of(dead, "status")), SLICE_ARG(text_of(dead, "stream")),
            SLICE_ARG(text_of(dead, "consumer")), SLICE_ARG(text_of(dead, "reason")));
    dlq_print_text(text_of(dead, "error"), out);
    fputs("; omctl dlq show ", out);
    dlq_print_text(text_of(dead, "id"), out);
    fputc('\n', out);
}

/* Below its event, or at the end where the streams do not have that any more. */
static void print_dead_of(const struct audit *audit, const struct audit_entry *entry, FILE *out) {
    for (size_t i = 0; i < dead_count(audit); i++) {
        struct json_object *dead = json_object_array_get_idx(audit->dead_letters, i);
        const struct audit_entry *event = find_event(audit, text_of(dead, "eventId"));
        if (event == entry)
            print_dead(dead, entry == NULL ? 0 : entry->depth + 1, out);
    }
}

void audit_print(const struct audit *audit, FILE *out) {
    for (size_t i = 0; i < audit->count; i++) {
        print_entry(&audit->entries[i], audit->entries[0].time_us, out);
        print_dead_of(audit, &audit->entries[i], out);
    }
    print_dead_of(audit, NULL, out);
}

void audit_print_json(const struct audit *audit, const struct uuid *order_id, FILE *out) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    char id[UUID_TEXT_SIZE];
    uuid_format(order_id, id);
    json_begin_object(&w);
    json_put_text(&w, "orderId", id);
    json_key(&w, "events");
    json_begin_array(&w);
    for (size_t i = 0; i < audit->count; i++) {
        const struct audit_entry *entry = &audit->entries[i];
        json_begin_object(&w);
        json_put_text(&w, "stream", entry->stream);
        json_put_int(&w, "sequence", (int64_t)entry->sequence);
        json_put_int(&w, "copies", entry->copies);
        json_put_raw(&w, "event",
                     slice_of(json_object_to_json_string_ext(entry->envelope,
                                                             JSON_C_TO_STRING_NOSLASHESCAPE)));
        json_end_object(&w);
    }
    json_end_array(&w);
    if (audit->dead_letters != NULL)
        json_put_raw(&w, "deadLetters",
                     slice_of(json_object_to_json_string_ext(audit->dead_letters,
                                                             JSON_C_TO_STRING_NOSLASHESCAPE)));
    if (audit->archived.len > 0)
        json_put_raw(&w, "archived", audit->archived);
    json_end_object(&w);
    fprintf(out, "%s\n", text.ptr);
    buf_fini(&text);
}
