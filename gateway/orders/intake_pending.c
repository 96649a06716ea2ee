#include "gateway/orders/intake_pending.h"

#include "shared/json/json.h"

#define INTAKE "order"

static bool is_idle_intake(struct json_object *consumer) {
    struct slice name;
    int64_t waiting, unsettled;
    return json_get_string(consumer, "name", &name, NULL) == STATUS_OK && slice_is(name, INTAKE) &&
           json_get_int64(consumer, "num_pending", &waiting, NULL) == STATUS_OK && waiting == 0 &&
           json_get_int64(consumer, "num_ack_pending", &unsettled, NULL) == STATUS_OK &&
           unsettled == 0;
}

bool intake_is_pending(struct slice answer) {
    struct json_object *root = NULL, *consumers;
    bool is_idle = false;
    if (json_parse(answer, &root, NULL) != STATUS_OK)
        return true;
    if (json_get_array(root, "consumers", &consumers, NULL) == STATUS_OK)
        for (size_t i = 0; i < json_object_array_length(consumers); i++)
            is_idle = is_idle || is_idle_intake(json_object_array_get_idx(consumers, i));
    json_object_put(root);
    return !is_idle;
}
