#include "gateway/admit/rate_local.h"

#include "shared/base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_COUNT = 16384, PROBES = 8 };

struct slot {
    uint64_t key; /* 0: free */
    int64_t full_at_us;
};

struct rate_local {
    pthread_mutex_t lock;
    unsigned char hash_key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose collisions */
    struct slot slots[SLOT_COUNT];
};

struct rate_local *rate_local_create(void) {
    struct rate_local *made = mem_alloc(sizeof(*made));
    pthread_mutex_init(&made->lock, NULL);
    randombytes_buf(made->hash_key, sizeof(made->hash_key));
    return made;
}

void rate_local_destroy(struct rate_local **local) {
    if (*local != NULL)
        pthread_mutex_destroy(&(*local)->lock);
    free(*local);
    *local = NULL;
}

static uint64_t hash_of(const struct rate_local *local, struct slice key) {
    unsigned char bytes[crypto_shorthash_BYTES];
    uint64_t hash;
    crypto_shorthash(bytes, (const unsigned char *)key.ptr, key.len, local->hash_key);
    memcpy(&hash, bytes, sizeof(hash));
    return hash == 0 ? 1 : hash;
}

/* The key's own slot, else the one among its places that has least to remember. */
static struct slot *slot_of(struct rate_local *local, uint64_t key) {
    struct slot *least = &local->slots[key % SLOT_COUNT];
    for (uint64_t i = 0; i < PROBES; i++) {
        struct slot *slot = &local->slots[(key + i) % SLOT_COUNT];
        if (slot->key == key)
            return slot;
        if (slot->full_at_us < least->full_at_us)
            least = slot;
    }
    return least;
}

static int64_t level_of(struct rate_local *local, uint64_t key, int64_t now_us) {
    const struct slot *slot = slot_of(local, key);
    return slot->key == key && slot->full_at_us > now_us ? slot->full_at_us - now_us : 0;
}

bool rate_local_take(struct rate_local *local, struct rate_bucket *buckets, size_t count,
                     int64_t now_us) {
    uint64_t hashes[RATE_KEYS_MOST];
    bool has_room = true;
    assert(count <= RATE_KEYS_MOST);
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(local, buckets[i].key);
    pthread_mutex_lock(&local->lock);
    for (size_t i = 0; i < count; i++) {
        buckets[i].level_us = level_of(local, hashes[i], now_us);
        has_room = has_room && rate_quota_has_room(&buckets[i].quota, buckets[i].level_us);
    }
    for (size_t i = 0; i < count && has_room; i++) {
        buckets[i].level_us += rate_quota_cost_us(&buckets[i].quota);
        *slot_of(local, hashes[i]) = (struct slot){hashes[i], now_us + buckets[i].level_us};
    }
    pthread_mutex_unlock(&local->lock);
    return has_room;
}
