#include "services/dlq/index/verdict.h"

static bool is_next(const struct entry_row *row, const struct failed_message *message) {
    if (message->is_another)
        return true;
    if (message->is_comparable && message->sequence <= row->sequence)
        return false;
    if (row->status == ENTRY_DEAD)
        return message->replay_of == row->generation;
    return message->replay_of == 0 || message->replay_of >= row->generation;
}

struct verdict verdict_of(const struct entry_row *row, const struct failed_message *message) {
    if (row == NULL)
        return (struct verdict){.is_new = true, .generation = 1};
    return (struct verdict){
        .is_new = is_next(row, message),
        .generation = row->generation + 1,
        .expected_sequence = row->dlq_sequence,
    };
}
