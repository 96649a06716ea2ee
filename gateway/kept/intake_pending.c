#include "gateway/kept/intake_pending.h"

#include "shared/json/json.h"

#define INTAKE "order"

/* Found in the answer; all 0 when it is not. */
struct intake_state {
    bool is_known;
    int64_t waiting, unsettled, floor;
};

static bool read_state(struct json_object *consumer, struct intake_state *state) {
    struct slice name;
    struct json_object *floor;
    return json_get_string(consumer, "name", &name, NULL) == STATUS_OK && slice_is(name, INTAKE) &&
           json_get_int64(consumer, "num_pending", &state->waiting, NULL) == STATUS_OK &&
           json_get_int64(consumer, "num_ack_pending", &state->unsettled, NULL) == STATUS_OK &&
           json_get_object(consumer, "ack_floor", &floor, NULL) == STATUS_OK &&
           json_get_int64(floor, "stream_seq", &state->floor, NULL) == STATUS_OK;
}

static struct intake_state find_state(struct slice answer) {
    struct json_object *root = NULL, *consumers;
    struct intake_state state = {0};
    if (json_parse(answer, &root, NULL) != STATUS_OK)
        return state;
    if (json_get_array(root, "consumers", &consumers, NULL) == STATUS_OK)
        for (size_t i = 0; i < json_object_array_length(consumers) && !state.is_known; i++)
            state.is_known = read_state(json_object_array_get_idx(consumers, i), &state);
    json_object_put(root);
    return state;
}

bool intake_is_pending(struct slice answer) {
    struct intake_state state = find_state(answer);
    return !state.is_known || state.waiting > 0 || state.unsettled > 0;
}

bool intake_has_passed(struct slice answer, uint64_t sequence) {
    struct intake_state state = find_state(answer);
    bool is_idle = state.waiting == 0 && state.unsettled == 0;
    return state.is_known && (is_idle || (uint64_t)state.floor >= sequence);
}
