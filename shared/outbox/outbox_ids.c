#include "shared/outbox/outbox_ids.h"

#include <string.h>

static void remove_range(struct outbox_ids *ids, size_t at) {
    ids->range_count--;
    memmove(ids->ranges + at, ids->ranges + at + 1,
            (ids->range_count - at) * sizeof(ids->ranges[0]));
}

/* The ranges that `next` has reached. */
static void absorb(struct outbox_ids *ids) {
    while (ids->range_count > 0 && ids->ranges[0].begin <= ids->next) {
        if (ids->ranges[0].end > ids->next)
            ids->next = ids->ranges[0].end;
        remove_range(ids, 0);
    }
}

/* One that finds no place counts as missing until a mark tells that all below `top` are done. */
static void add_range(struct outbox_ids *ids, int64_t id) {
    struct outbox_id_range *ranges = ids->ranges;
    size_t at = 0;
    while (at < ids->range_count && ranges[at].end < id)
        at++;
    bool is_beside = at < ids->range_count && ranges[at].begin <= id + 1;
    if (!is_beside) {
        if (ids->range_count == OUTBOX_IDS_RANGES)
            return;
        memmove(ranges + at + 1, ranges + at, (ids->range_count - at) * sizeof(*ranges));
        ranges[at] = (struct outbox_id_range){id, id + 1};
        ids->range_count++;
        return;
    }
    if (id < ranges[at].begin)
        ranges[at].begin = id;
    if (id >= ranges[at].end)
        ranges[at].end = id + 1;
    if (at + 1 < ids->range_count && ranges[at + 1].begin == ranges[at].end) {
        ranges[at].end = ranges[at + 1].end;
        remove_range(ids, at + 1);
    }
}

void outbox_ids_add(struct outbox_ids *ids, int64_t id) {
    if (id >= ids->top)
        ids->top = id + 1;
    if (id < ids->next)
        return;
    if (id == ids->next)
        ids->next++;
    else
        add_range(ids, id);
    if (ids->next != 0)
        absorb(ids);
}

bool outbox_ids_needs_mark(const struct outbox_ids *ids) {
    return ids->mark_top == 0 && ids->next < ids->top;
}

void outbox_ids_mark(struct outbox_ids *ids, uint64_t xid) {
    ids->mark_top = ids->top;
    ids->mark_xid = xid;
}

void outbox_ids_read(struct outbox_ids *ids, uint64_t xmax, uint64_t lowest) {
    if (ids->mark_top == 0 || xmax <= ids->mark_xid || lowest <= ids->mark_xid)
        return;
    if (ids->mark_top > ids->next)
        ids->next = ids->mark_top;
    ids->mark_top = 0;
    absorb(ids);
}
