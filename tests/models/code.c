#include "tests/models/code.h"

#include "services/dlq/collect/examiner_item.h"
#include "shared/outbox/relay_cursor.h"
#include "shared/outbox/stream_mark.h"

#include <stdio.h>

/* --- the relay's cursor --- */

int model_holes(int xmax, int running, int next) {
    struct buf snapshot = {0};
    struct relay_cursor cursor = {0};
    struct slice listed;
    uint64_t read_xmax;
    int holes = 0;
    const char *separator = "";
    buf_printf(&snapshot, "1:%d:", xmax);
    for (int xid = 1; xid < xmax; xid++) {
        if (!(running & 1 << xid))
            continue;
        buf_printf(&snapshot, "%s%d", separator, xid);
        separator = ",";
    }
    relay_snapshot_split(buf_slice(&snapshot), &read_xmax, &listed);
    relay_cursor_add_listed(&cursor, listed, (uint64_t)next);
    for (size_t i = 0; i < cursor.hole_count; i++)
        holes |= 1 << cursor.holes[i];
    relay_cursor_fini(&cursor);
    buf_fini(&snapshot);
    return holes;
}

/* --- the mark of a stream --- */

static struct uuid event_id(int event) {
    return (struct uuid){.bytes = {[15] = (uint8_t)event}};
}

static struct stream_mark read_mark(const struct model_mark *mark) {
    return (struct stream_mark){
        .stream = "ORDERS",
        .sequence = (uint64_t)mark->sequence,
        .has_event = mark->event != 0,
        .event_id = event_id(mark->event),
        .is_latest = mark->is_latest != 0,
        .seen = {.created = "once", .first_sequence = 1},
    };
}

int model_mark_take(struct model_mark *mark, int lowest, int highest, int has_duplicates, int event,
                    int is_seen) {
    struct stream_mark real = read_mark(mark);
    const struct stream_acks acks = {
        .stream = "ORDERS",
        .lowest = (uint64_t)lowest,
        .highest = (uint64_t)highest,
        .has_duplicates = has_duplicates != 0,
        .last_event = event_id(event),
    };
    if (!stream_mark_take(&real, &acks, is_seen != 0, 1))
        return 0;
    mark->sequence = (int)real.sequence;
    mark->event = real.has_event ? real.event_id.bytes[15] : 0;
    mark->is_latest = real.is_latest;
    return 1;
}

int model_mark_is_set_back(const struct model_mark *mark, int last_sequence, int message) {
    const struct stream_mark real = read_mark(mark);
    const struct stream_facts facts = {
        .created = "once",
        .first_sequence = 1,
        .last_sequence = (uint64_t)last_sequence,
        .messages = (uint64_t)last_sequence,
        .first_us = 1,
    };
    enum marked_message there = mark->event == 0         ? MARKED_UNKNOWN
                                : message == mark->event ? MARKED_THERE
                                : message == 0           ? MARKED_MISSING
                                                         : MARKED_OTHER;
    return stream_mark_judge(&real, &facts, there, 2) == STREAM_SET_BACK;
}

/* --- dead letters --- */

int model_verdict(const struct model_row *row, int sequence, int replay_of) {
    const struct consumer_facts facts = {.created_us = 1};
    const struct entry_row real = {
        .sequence = (uint64_t)row->sequence,
        .generation = row->generation,
        .is_dead = row->is_dead != 0,
        .failed_at_us = 2,
    };
    struct item item = {.facts = &facts, .replay_of = replay_of};
    item.notice.sequence = (uint64_t)sequence;
    item_judge(&item, row->generation > 0 ? &real : NULL);
    return item.is_settled ? 0 : (int)item.entry.generation;
}
