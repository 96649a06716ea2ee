#include "shared/crypto/uuid.h"

#include "shared/base/hex.h"
#include "shared/base/random.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* The last tick given out; a tick is 1/4096 of a millisecond. */
static _Atomic uint64_t last_tick;

/* Strictly increasing, also when the clock stands still or steps back. */
static uint64_t next_tick(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    uint64_t tick = ms << 12 | ((uint64_t)now.tv_nsec % 1000000 << 12) / 1000000;
    uint64_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    uint64_t next;
    do
        next = tick > last ? tick : last + 1;
    while (!atomic_compare_exchange_weak_explicit(&last_tick, &last, next, memory_order_relaxed,
                                                  memory_order_relaxed));
    return next;
}

static void set_version(struct uuid *uuid, unsigned version) {
    uuid->bytes[6] = (uint8_t)(version << 4 | (uuid->bytes[6] & 0x0f));
    uuid->bytes[8] = (uint8_t)(0x80 | (uuid->bytes[8] & 0x3f));
}

struct uuid uuid_v7(void) {
    struct uuid uuid;
    uint64_t tick = next_tick();
    uint64_t ms = tick >> 12;
    for (int i = 0; i < 6; i++)
        uuid.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    uuid.bytes[6] = (uint8_t)(tick >> 8 & 0x0f);
    uuid.bytes[7] = (uint8_t)tick;
    random_bytes(uuid.bytes + 8, 8);
    set_version(&uuid, 7);
    return uuid;
}

struct uuid uuid_v8(const uint8_t hash[16]) {
    struct uuid uuid;
    memcpy(uuid.bytes, hash, sizeof(uuid.bytes));
    set_version(&uuid, 8);
    return uuid;
}

/* Bytes in each group of the text. */
static const uint8_t group_bytes[] = {4, 2, 2, 2, 6};

enum { GROUP_COUNT = sizeof(group_bytes) };

void uuid_format(const struct uuid *uuid, char *text) {
    const uint8_t *bytes = uuid->bytes;
    for (int group = 0; group < GROUP_COUNT; group++) {
        if (group > 0)
            *text++ = '-';
        hex_encode(bytes, group_bytes[group], text);
        text += 2 * group_bytes[group];
        bytes += group_bytes[group];
    }
}

bool uuid_parse(struct slice text, struct uuid *uuid) {
    if (text.len != UUID_TEXT_LEN)
        return false;
    struct uuid parsed;
    uint8_t *byte = parsed.bytes;
    const char *at = text.ptr;
    for (int group = 0; group < GROUP_COUNT; group++) {
        if (group > 0 && *at++ != '-')
            return false;
        if (!hex_decode(at, byte, group_bytes[group]))
            return false;
        at += 2 * group_bytes[group];
        byte += group_bytes[group];
    }
    *uuid = parsed;
    return true;
}

int uuid_compare(const struct uuid *a, const struct uuid *b) {
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}
