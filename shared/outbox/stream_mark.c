#include "shared/outbox/stream_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- all of them ------------------------------------------------------------------------------ */

/* A line each: stream, sequence, time, and the event's id where it is known. */
void stream_marks_format(const struct stream_marks *marks, struct buf *out) {
    for (size_t i = 0; i < marks->count; i++) {
        const struct stream_mark *mark = &marks->items[i];
        char id[UUID_TEXT_SIZE] = "";
        if (mark->has_event)
            uuid_format(&mark->event_id, id);
        buf_printf(out, "%s %" PRIu64 " %" PRId64 " %s\n", mark->stream, mark->sequence,
                   mark->acked_us, id);
    }
}

static bool parse_line(struct slice line, struct stream_mark *mark) {
    struct slice stream = slice_take_until(&line, ' ');
    struct slice sequence = slice_take_until(&line, ' ');
    struct slice acked = slice_take_until(&line, ' ');
    uint64_t acked_us;
    if (stream.len == 0 || stream.len >= sizeof(mark->stream) ||
        !slice_parse_uint(sequence, UINT64_MAX, &mark->sequence) ||
        !slice_parse_uint(acked, INT64_MAX, &acked_us))
        return false;
    memcpy(mark->stream, stream.ptr, stream.len);
    mark->acked_us = (int64_t)acked_us;
    mark->has_event = uuid_parse(line, &mark->event_id);
    return true;
}

void stream_marks_parse(struct stream_marks *marks, struct slice text) {
    *marks = (struct stream_marks){0};
    while (text.len > 0 && marks->count < STREAMS_MOST) {
        struct stream_mark mark = {0};
        if (parse_line(slice_take_line(&text), &mark))
            marks->items[marks->count++] = mark;
    }
}

struct stream_mark *stream_marks_find(struct stream_marks *marks, const char *stream) {
    for (size_t i = 0; i < marks->count; i++) {
        if (strcmp(marks->items[i].stream, stream) == 0)
            return &marks->items[i];
    }
    return NULL;
}

struct stream_mark *stream_marks_add(struct stream_marks *marks, const char *stream) {
    if (marks->count == STREAMS_MOST)
        return NULL;
    struct stream_mark *mark = &marks->items[marks->count++];
    *mark = (struct stream_mark){0};
    snprintf(mark->stream, sizeof(mark->stream), "%s", stream);
    return mark;
}

/* --- one -------------------------------------------------------------------------------------- */

bool stream_mark_is_same(const struct stream_mark *a, const struct stream_mark *b) {
    return a->sequence == b->sequence && a->has_event == b->has_event &&
           (!a->has_event || uuid_compare(&a->event_id, &b->event_id) == 0);
}

bool stream_mark_take(struct stream_mark *mark, const struct stream_acks *acks, bool is_seen,
                      int64_t now_us) {
    if (acks->lowest != 0 && acks->lowest <= mark->sequence)
        return false;
    mark->is_latest = acks->lowest != 0 && !acks->has_duplicates && is_seen;
    if (mark->is_latest)
        stream_mark_put(mark, acks->highest, &acks->last_event, now_us);
    return true;
}

void stream_mark_put(struct stream_mark *mark, uint64_t sequence, const struct uuid *event_id,
                     int64_t now_us) {
    mark->sequence = sequence;
    mark->event_id = *event_id;
    mark->has_event = true;
    mark->is_latest = true;
    mark->acked_us = now_us;
}

/* What expires leaves behind what is about to. */
static bool is_young(const struct stream_facts *facts, int64_t now_us) {
    return facts->max_age_us == 0 || facts->messages == 0 ||
           now_us - facts->first_us < facts->max_age_us / 2;
}

enum stream_verdict stream_mark_judge(const struct stream_mark *mark,
                                      const struct stream_facts *facts, enum marked_message message,
                                      int64_t now_us) {
    const struct stream_sight *seen = &mark->seen;
    bool was_seen = seen->created[0] != '\0';
    bool is_another = was_seen && strcmp(seen->created, facts->created) != 0;
    if (is_another || facts->last_sequence < mark->sequence || message == MARKED_OTHER)
        return STREAM_SET_BACK;
    if (facts->is_full)
        return STREAM_WELL;
    if (facts->first_sequence > seen->first_sequence && is_young(facts, now_us))
        return STREAM_SHORTER;
    return was_seen && facts->deleted > seen->deleted + 1 ? STREAM_THINNED : STREAM_WELL;
}

void stream_mark_see(struct stream_mark *mark, const struct stream_facts *facts) {
    mark->seen = (struct stream_sight){
        .first_sequence = facts->first_sequence,
        .deleted = facts->deleted,
        .first_us = facts->first_us,
        .sequence = mark->has_event ? mark->sequence : 0,
        .acked_us = mark->acked_us,
    };
    memcpy(mark->seen.created, facts->created, sizeof(mark->seen.created));
}

int64_t stream_mark_stored_below(const struct stream_mark *mark, uint64_t first_sequence) {
    const struct stream_sight *seen = &mark->seen;
    int64_t newest_us = 0;
    if (seen->first_sequence != 0 && seen->first_sequence < first_sequence)
        newest_us = seen->first_us;
    if (seen->sequence != 0 && seen->sequence < first_sequence)
        newest_us = seen->acked_us;
    if (mark->has_event && mark->sequence < first_sequence)
        newest_us = mark->acked_us;
    return newest_us;
}
