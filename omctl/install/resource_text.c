#include "omctl/install/resource_text.h"

#include "shared/base/clock.h"

/* In nanoseconds; of some there is a list. */
static const char *const durations[] = {
    "max_age",     "duplicate_window",   "subject_delete_marker_ttl",
    "ack_wait",    "inactive_threshold", "backoff",
    "max_expires", "idle_heartbeat",
};
enum { DURATION_COUNT = sizeof(durations) / sizeof(durations[0]) };

void resource_write_value(const char *field, struct json_object *value, struct buf *out) {
    bool is_duration = slice_index(slice_of(field), durations, DURATION_COUNT) >= 0;
    if (value == NULL) {
        buf_append_text(out, "absent");
    } else if (is_duration && json_object_is_type(value, json_type_int)) {
        char text[DURATION_SIZE];
        clock_format_duration(json_object_get_int64(value), text);
        buf_append_text(out, text);
    } else if (is_duration && json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            buf_append_text(out, i > 0 ? ", " : "");
            resource_write_value(field, json_object_array_get_idx(value, i), out);
        }
    } else {
        buf_append_text(out, json_object_to_json_string(value));
    }
}
