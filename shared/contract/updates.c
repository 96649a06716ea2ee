#include "shared/contract/updates.h"

#include "shared/base/buf.h"
#include "shared/base/memory.h"

#include <stdlib.h>

#define SUBJECT_SIZE (sizeof(UPDATES_PREFIX) + UUID_TEXT_LEN)

/* One update's place in `text`, which may move while it grows. */
struct update {
    struct uuid order_id;
    size_t start, len;
};

struct updates {
    struct update *entries;
    size_t count, capacity;
    struct buf text;
};

struct updates *updates_create(void) {
    return mem_alloc(sizeof(struct updates));
}

void updates_destroy(struct updates **updates) {
    struct updates *u = *updates;
    *updates = NULL;
    if (u == NULL)
        return;
    free(u->entries);
    buf_fini(&u->text);
    free(u);
}

void updates_clear(struct updates *updates) {
    updates->count = 0;
    buf_clear(&updates->text);
}

static void grow(struct updates *updates) {
    size_t capacity = updates->capacity > 0 ? 2 * updates->capacity : 64;
    struct update *entries = mem_alloc(capacity * sizeof(*entries));
    for (size_t i = 0; i < updates->count; i++)
        entries[i] = updates->entries[i];
    free(updates->entries);
    updates->entries = entries;
    updates->capacity = capacity;
}

void updates_add(struct updates *updates, const struct uuid *order_id, struct slice body) {
    if (updates == NULL)
        return;
    if (updates->count == updates->capacity)
        grow(updates);
    updates->entries[updates->count++] = (struct update){*order_id, updates->text.len, body.len};
    buf_append_slice(&updates->text, body);
}

size_t updates_count(const struct updates *updates) {
    return updates->count;
}

void updates_publish(struct updates *updates, struct nats_client *nats) {
    natsConnection *connection = nats_client_bulk(nats);
    char subject[SUBJECT_SIZE] = UPDATES_PREFIX;
    for (size_t i = 0; i < updates->count; i++) {
        const struct update *update = &updates->entries[i];
        uuid_format(&update->order_id, subject + sizeof(UPDATES_PREFIX) - 1);
        if (natsConnection_Publish(connection, subject, updates->text.ptr + update->start,
                                   (int)update->len) != NATS_OK)
            break; /* not connected: they are lost, as they may be */
    }
    updates_clear(updates);
}
