#include "shared/outbox/stream_acks.h"

#include <stdio.h>
#include <string.h>

static struct stream_acks *find(struct pass_acks *acks, struct slice stream) {
    for (size_t i = 0; i < acks->count; i++) {
        if (slice_is(stream, acks->items[i].stream))
            return &acks->items[i];
    }
    return NULL;
}

void pass_acks_sent(struct pass_acks *acks, const char *stream, const struct uuid *event_id) {
    struct stream_acks *known = find(acks, slice_of(stream));
    if (known == NULL && acks->count < STREAMS_MOST) {
        known = &acks->items[acks->count++];
        *known = (struct stream_acks){0};
        snprintf(known->stream, sizeof(known->stream), "%s", stream);
    }
    if (known != NULL)
        known->last_event = *event_id;
}

void pass_acks_stored(struct pass_acks *acks, struct slice stream, uint64_t sequence,
                      uint64_t count, bool is_duplicate) {
    struct stream_acks *known = find(acks, stream);
    if (known == NULL || sequence == 0)
        return;
    if (sequence > known->top)
        known->top = sequence;
    if (is_duplicate) {
        known->has_duplicates = true;
        return;
    }
    uint64_t first = sequence - count + 1;
    if (known->lowest == 0 || first < known->lowest)
        known->lowest = first;
    if (sequence > known->highest)
        known->highest = sequence;
}

/* What follows `key`; empty without it. */
static struct slice after(struct slice text, const char *key) {
    size_t len = strlen(key);
    const char *at = text.len > 0 ? memmem(text.ptr, text.len, key, len) : NULL;
    if (at == NULL)
        return slice_of("");
    at += len;
    return (struct slice){at, (size_t)(text.ptr + text.len - at)};
}

void pass_acks_read(struct pass_acks *acks, struct slice pub_ack) {
    struct slice named = after(pub_ack, "\"stream\":\""), numbered = after(pub_ack, "\"seq\":");
    uint64_t sequence;
    if (slice_parse_uint(slice_take_digits(&numbered), UINT64_MAX, &sequence))
        pass_acks_stored(acks, slice_take_until(&named, '"'), sequence, 1,
                         after(pub_ack, "\"duplicate\"").len > 0);
}
