#include "shared/nats/atomic_batch.h"

#include "shared/nats/jetstream_code.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GATHER_MOST_US 20000

bool atomic_batch_is_supported(int server_version) {
    return server_version >= NATS_SERVER_VERSION(2, 15, 0);
}

int64_t atomic_batch_gather_us(int64_t took_us) {
    return took_us / 2 < GATHER_MOST_US ? took_us / 2 : GATHER_MOST_US;
}

void atomic_batch_begin(struct atomic_batch *batch) {
    struct uuid id = uuid_v7();
    *batch = (struct atomic_batch){0};
    uuid_format(&id, batch->id);
}

enum status atomic_batch_mark(struct atomic_batch *batch, natsMsg *message, bool is_last,
                              struct error *error) {
    char sequence[24];
    snprintf(sequence, sizeof(sequence), "%" PRIu64, ++batch->count);
    natsStatus s = natsMsgHeader_Set(message, "Nats-Batch-Id", batch->id);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(message, "Nats-Batch-Sequence", sequence);
    if (s == NATS_OK && is_last)
        s = natsMsgHeader_Set(message, "Nats-Batch-Commit", "1");
    return nats_error(error, s, "marking a message of a batch");
}

enum atomic_batch_verdict atomic_batch_judge(const struct atomic_batch *batch,
                                             const struct pub_ack *ack) {
    switch (ack->error_code) {
    case 0:
        return ack->batch_count == batch->count && strcmp(ack->batch_id, batch->id) == 0
                   ? ATOMIC_BATCH_STORED
                   : ATOMIC_BATCH_UNKNOWN;
    case JETSTREAM_BATCH_DISABLED:
    case JETSTREAM_BATCH_SEQUENCE_MISSING:
    case JETSTREAM_BATCH_HEADER_UNSUPPORTED:
    case JETSTREAM_BATCH_ID_INVALID:
    case JETSTREAM_BATCH_TOO_LARGE:
    case JETSTREAM_BATCH_COMMIT_INVALID:
        return ATOMIC_BATCH_UNKNOWN;
    }
    return ATOMIC_BATCH_REFUSED;
}
