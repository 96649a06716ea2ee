#include "shared/outbox/relay_strand.h"

#include "shared/base/memory.h"

#include <stdlib.h>
#include <string.h>

static void empty(struct relay_strands *strands) {
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct buf reply = strands->items[i].reply;
        buf_clear(&reply);
        strands->items[i] = (struct relay_strand){.reply = reply};
    }
    strands->count = 0;
    free(strands->numbers);
    strands->numbers = NULL;
}

void relay_strands_fini(struct relay_strands *strands) {
    empty(strands);
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++)
        buf_fini(&strands->items[i].reply);
}

static struct relay_strand *find(struct relay_strands *strands, const char *stream) {
    for (size_t i = 0; i < strands->count; i++) {
        if (strcmp(strands->items[i].stream, stream) == 0)
            return &strands->items[i];
    }
    struct relay_strand *added = &strands->items[strands->count++];
    added->stream = stream;
    return added;
}

static enum status strand_of(struct relay_strands *strands, struct slice subject,
                             struct relay_strand **strand, struct error *error) {
    enum event_type type;
    if (!event_type_of_subject(subject, &type))
        return error_set(error, STATUS_INTERNAL, "no stream for subject %.*s", SLICE_ARG(subject));
    *strand = find(strands, event_info(type)->stream);
    return STATUS_OK;
}

enum status relay_strands_take(struct relay_strands *strands, const struct relay_row *rows,
                               size_t row_count, struct error *error) {
    empty(strands);
    struct relay_strand *strand = NULL;
    enum status status = STATUS_OK;
    for (size_t row = 0; row < row_count && status == STATUS_OK; row++) {
        status = strand_of(strands, rows[row].subject, &strand, error);
        if (status == STATUS_OK)
            strand->row_count++;
    }
    if (status != STATUS_OK || row_count == 0) {
        empty(strands);
        return status;
    }
    strands->numbers = mem_alloc(row_count * sizeof(*strands->numbers));
    int *next = strands->numbers;
    for (size_t i = 0; i < strands->count; i++) {
        strands->items[i].rows = next;
        next += strands->items[i].row_count;
        strands->items[i].row_count = 0;
    }
    for (size_t row = 0; row < row_count && status == STATUS_OK; row++) {
        status = strand_of(strands, rows[row].subject, &strand, error);
        if (status == STATUS_OK)
            strand->rows[strand->row_count++] = (int)row;
    }
    return status;
}

bool relay_strand_is_done(const struct relay_strand *strand) {
    return strand->begin == strand->row_count;
}

bool relay_strand_advance(struct relay_strand *strand, const struct relay_row *rows,
                          bool has_batches) {
    strand->begin = strand->end;
    size_t bytes = 0;
    for (int at = strand->begin; at < strand->row_count; at = ++strand->end) {
        bytes += rows[strand->rows[at]].payload.len;
        bool is_full = at - strand->begin == ATOMIC_BATCH_MESSAGES_MAX ||
                       (bytes > ATOMIC_BATCH_BYTES_MAX && at > strand->begin);
        if (has_batches && is_full)
            break;
    }
    return !relay_strand_is_done(strand);
}
