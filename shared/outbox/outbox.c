#include "shared/outbox/outbox.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>
#include <string.h>

/* What an added event says of itself beside its payload. */
struct entry {
    struct uuid id;
    enum event_type type;
    char traceparent[TRACEPARENT_SIZE];
    size_t payload_at, payload_len; /* in the array's bytes */
};

struct outbox {
    struct pg_array event_ids;
    struct pg_array subjects;
    struct pg_array traceparents;
    struct pg_array payloads;
    struct buf envelope;
    struct buf entries; /* of struct entry */
    size_t count;
    struct pg_result *numbers; /* the id and the transaction of each row, as written */
};

/* unnest keeps the arrays' order, so ids rise in the order of outbox_add(). The transaction has its
   number before a row has its id, so that who sees a later id can wait for this one
   (outbox_ids.h). */
#define INSERT_ROWS                                                                                \
    "INSERT INTO outbox (xid, event_id, subject, traceparent, payload) "                           \
    "SELECT own.xid, added.* FROM (SELECT pg_current_xact_id() AS xid OFFSET 0) own, "             \
    "unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) added"

static const struct pg_statement insert_rows = {"outbox_add", INSERT_ROWS, 4};
static const struct pg_statement insert_and_number = {"outbox_insert",
                                                      INSERT_ROWS " RETURNING id, xid", 4};

struct outbox *outbox_create(void) {
    struct outbox *outbox = mem_alloc(sizeof(*outbox));
    pg_array_init(&outbox->event_ids, PG_ARRAY_UUID);
    pg_array_init(&outbox->subjects, PG_ARRAY_TEXT);
    pg_array_init(&outbox->traceparents, PG_ARRAY_TEXT);
    pg_array_init(&outbox->payloads, PG_ARRAY_BYTES);
    return outbox;
}

void outbox_destroy(struct outbox **outbox) {
    struct outbox *o = *outbox;
    *outbox = NULL;
    if (o == NULL)
        return;
    pg_array_fini(&o->event_ids);
    pg_array_fini(&o->subjects);
    pg_array_fini(&o->traceparents);
    pg_array_fini(&o->payloads);
    buf_fini(&o->envelope);
    buf_fini(&o->entries);
    pg_result_free(&o->numbers);
    free(o);
}

void outbox_clear(struct outbox *outbox) {
    pg_array_clear(&outbox->event_ids);
    pg_array_clear(&outbox->subjects);
    pg_array_clear(&outbox->traceparents);
    pg_array_clear(&outbox->payloads);
    buf_clear(&outbox->entries);
    pg_result_free(&outbox->numbers);
    outbox->count = 0;
}

size_t outbox_count(const struct outbox *outbox) {
    return outbox->count;
}

void outbox_add(struct outbox *outbox, enum event_type type, struct slice subject,
                const struct event *cause, struct slice data) {
    struct event_head head = {
        .type = type,
        .id = uuid_v7(),
        .subject = subject,
        .cause = cause,
        .time_us = clock_now_us(),
    };
    if (cause == NULL) {
        head.trace = trace_start();
        head.correlation_id = subject;
    }
    struct entry entry = {.id = head.id, .type = type};
    buf_clear(&outbox->envelope);
    event_encode(&head, data, &outbox->envelope, entry.traceparent);
    pg_array_add_uuid(&outbox->event_ids, &head.id);
    pg_array_add_slice(&outbox->subjects, slice_of(event_info(type)->subject));
    pg_array_add_slice(&outbox->traceparents, slice_of(entry.traceparent));
    pg_array_add_slice(&outbox->payloads, buf_slice(&outbox->envelope));
    entry.payload_len = outbox->envelope.len;
    entry.payload_at = outbox->payloads.bytes.len - entry.payload_len;
    buf_append(&outbox->entries, &entry, sizeof(entry));
    outbox->count++;
}

static enum status write(struct outbox *outbox, struct pg *pg, struct pg_result **numbers,
                         struct error *error) {
    if (outbox->count == 0)
        return STATUS_OK;
    const struct pg_param params[] = {
        pg_array(&outbox->event_ids),
        pg_array(&outbox->subjects),
        pg_array(&outbox->traceparents),
        pg_array(&outbox->payloads),
    };
    if (numbers == NULL)
        return pg_queue(pg, &insert_rows, params, error);
    pg_result_free(numbers);
    return pg_queue_into(pg, &insert_and_number, params, numbers, error);
}

enum status outbox_write(struct outbox *outbox, struct pg *pg, struct error *error) {
    return write(outbox, pg, NULL, error);
}

enum status outbox_write_numbered(struct outbox *outbox, struct pg *pg, struct error *error) {
    return write(outbox, pg, &outbox->numbers, error);
}

/* --- handing over ------------------------------------------------------------------------------
 */

static struct slice copy_to(char **at, struct slice from) {
    struct slice copy = {*at, from.len};
    memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return copy;
}

static struct handover *handover_create(const struct relay_row *rows, size_t count) {
    struct handover *made = mem_alloc(sizeof(*made));
    for (size_t i = 0; i < count; i++)
        made->byte_count += rows[i].subject.len + rows[i].traceparent.len + rows[i].payload.len;
    made->rows = mem_alloc(count * sizeof(*made->rows));
    made->row_count = count;
    made->bytes = mem_alloc(made->byte_count + 1);
    char *at = made->bytes;
    for (size_t i = 0; i < count; i++) {
        made->rows[i] = rows[i];
        made->rows[i].subject = copy_to(&at, rows[i].subject);
        made->rows[i].traceparent = copy_to(&at, rows[i].traceparent);
        made->rows[i].payload = copy_to(&at, rows[i].payload);
    }
    return made;
}

static struct relay_row row_of(const struct outbox *outbox, size_t i) {
    const struct entry *entry = (const struct entry *)(const void *)outbox->entries.ptr + i;
    const char *payload = outbox->payloads.bytes.ptr + entry->payload_at;
    return (struct relay_row){
        .id = pg_get_int64(outbox->numbers, (int)i, 0),
        .xid = (uint64_t)pg_get_int64(outbox->numbers, (int)i, 1),
        .event_id = entry->id,
        .subject = slice_of(event_info(entry->type)->subject),
        .traceparent = slice_of(entry->traceparent),
        .payload = {payload, entry->payload_len},
    };
}

struct handover *outbox_hand_over(const struct outbox *outbox) {
    if (outbox->numbers == NULL || (size_t)pg_rows(outbox->numbers) != outbox->count)
        return NULL;
    struct relay_row *rows = mem_alloc(outbox->count * sizeof(*rows));
    for (size_t i = 0; i < outbox->count; i++)
        rows[i] = row_of(outbox, i);
    struct handover *made = handover_create(rows, outbox->count);
    free(rows);
    return made;
}

void handover_drop_first(struct handover **list) {
    struct handover *first = *list;
    *list = first->next;
    free(first->rows);
    free(first->bytes);
    free(first);
}

void handover_destroy_all(struct handover **list) {
    while (*list != NULL)
        handover_drop_first(list);
}

void handover_insert(struct handover **list, struct handover *added) {
    while (*list != NULL && (*list)->rows[0].id < added->rows[0].id)
        list = &(*list)->next;
    added->next = *list;
    *list = added;
}
