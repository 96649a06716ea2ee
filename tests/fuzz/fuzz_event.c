/* The decoder of every event that a service reads: what it accepts can be read as its type says. */
#include "shared/contract/event.h"
#include "shared/contract/order_snapshot.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    const struct slice payload = {(const char *)bytes, len};
    struct event event;
    struct error error = {0};
    struct arena *arena = arena_create(4096);
    if (event_decode(payload, arena, &event, &error) != STATUS_OK) {
        MUST(error.text[0] != '\0');
        arena_destroy(&arena);
        return 0;
    }
    struct order_snapshot snapshot;
    if (order_snapshot_parse(event.data, arena, &snapshot, &error) == STATUS_OK)
        MUST(snapshot.item_count <= ORDER_MAX_ITEMS);
    MUST(event_info(event.type) != NULL);
    arena_destroy(&arena);
    return 0;
}
