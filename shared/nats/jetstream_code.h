/*
 * Whose trouble a refusal of JetStream is, by its err_code
 * (https://github.com/nats-io/nats-server/blob/main/server/errors.json): an answer to a publish, or
 * to a question about a stream, a consumer or a message. Pure.
 */
#ifndef OM_SHARED_NATS_JETSTREAM_CODE_H
#define OM_SHARED_NATS_JETSTREAM_CODE_H

#include "shared/base/blame.h"

/* code, name, blame, meaning */
#define JETSTREAM_CODE_TABLE(X)                                                                    \
    X(10002, ACCOUNT_RESOURCES, DEPENDENCY, "the account's limits are reached")                    \
    X(10003, BAD_REQUEST, DEPENDENCY, "bad request: a fault of ours, or another version")          \
    X(10005, NO_PEERS, DEPENDENCY, "no servers have room for the stream")                          \
    X(10007, NOT_ASSIGNED, DEPENDENCY, "the cluster has not placed the stream")                    \
    X(10008, NOT_AVAILABLE, DEPENDENCY, "temporarily unavailable: a leader is elected")            \
    X(10009, NOT_LEADER, DEPENDENCY, "asked of who is not the leader")                             \
    X(10014, CONSUMER_NOT_FOUND, DEPENDENCY, "the consumer is missing")                            \
    X(10023, INSUFFICIENT_RESOURCES, DEPENDENCY, "memory or disk are used up")                     \
    X(10028, MEMORY_RESOURCES, DEPENDENCY, "memory is used up")                                    \
    X(10035, NO_ACCOUNT, DEPENDENCY, "the account is missing")                                     \
    X(10037, NO_MESSAGE, EVENT, "the message was purged, or has expired")                          \
    X(10039, NOT_ENABLED_FOR_ACCOUNT, DEPENDENCY, "JetStream is off for the account")              \
    X(10043, SEQUENCE_NOT_FOUND, EVENT, "the message was purged, or has expired")                  \
    X(10047, STORAGE_RESOURCES, DEPENDENCY, "the disk is used up")                                 \
    X(10051, STREAM_GENERAL, DEPENDENCY, "the stream failed")                                      \
    X(10054, MESSAGE_TOO_LARGE, EVENT, "larger than the stream takes")                             \
    X(10059, STREAM_NOT_FOUND, DEPENDENCY, "the stream is missing")                                \
    X(10060, STREAM_NOT_MATCH, DEPENDENCY, "another stream has the subject")                       \
    X(10063, SEQUENCE_NOT_MATCH, MOMENT, "the stream changes its leader")                          \
    X(10070, WRONG_LAST_ID, MOMENT, "somebody wrote in between")                                   \
    X(10071, WRONG_LAST_SEQUENCE, MOMENT, "somebody wrote in between")                             \
    X(10074, REPLICAS_NOT_SUPPORTED, DEPENDENCY, "replicas need a cluster")                        \
    X(10076, NOT_ENABLED, DEPENDENCY, "JetStream is off")                                          \
    X(10077, STORE_FAILED, DEPENDENCY, "the stream is full, or its disk is sick")                  \
    X(10097, HEADER_TOO_LARGE, EVENT, "more than 64 KiB of headers")                               \
    X(10109, STREAM_SEALED, DEPENDENCY, "the stream is sealed")                                    \
    X(10118, STREAM_OFFLINE, DEPENDENCY, "the stream is offline")                                  \
    X(10119, CONSUMER_OFFLINE, DEPENDENCY, "the consumer is offline")                              \
    X(10120, NO_LIMITS, DEPENDENCY, "the account has no limits")                                   \
    X(10122, MAX_STREAM_BYTES, DEPENDENCY, "the account's limit of a stream is reached")           \
    X(10149, CONSUMER_DOES_NOT_EXIST, DEPENDENCY, "the consumer is missing")                       \
    X(10158, DUPLICATE_IN_PROCESS, MOMENT, "its first copy is being stored")                       \
    X(10163, LAST_SEQUENCE_NOT_READY, MOMENT, "the subject is being written to")                   \
    X(10164, WRONG_LAST_SEQUENCE_UNNAMED, MOMENT, "somebody wrote in between")                     \
    X(10167, TOO_MANY_REQUESTS, MOMENT, "more at once than the stream takes")                      \
    X(10174, BATCH_DISABLED, DEPENDENCY, "the stream takes no atomic batches")                     \
    X(10175, BATCH_SEQUENCE_MISSING, DEPENDENCY, "a batch without numbers: a fault of ours")       \
    X(10176, BATCH_INCOMPLETE, MOMENT, "a part of the batch was lost or refused")                  \
    X(10177, BATCH_HEADER_UNSUPPORTED, DEPENDENCY, "the server takes no such header in a batch")   \
    X(10179, BATCH_ID_INVALID, DEPENDENCY, "no id of a batch: a fault of ours")                    \
    X(10185, REQUIRED_API_LEVEL, DEPENDENCY, "the server is too old")                              \
    X(10194, STREAM_OFFLINE_REASON, DEPENDENCY, "the stream is offline")                           \
    X(10195, CONSUMER_OFFLINE_REASON, DEPENDENCY, "the consumer is offline")                       \
    X(10199, BATCH_TOO_LARGE, DEPENDENCY, "more messages than the server takes in a batch")        \
    X(10200, BATCH_COMMIT_INVALID, DEPENDENCY, "the batch ends otherwise: a fault of ours")        \
    X(10201, BATCH_HAS_DUPLICATE, MOMENT, "a message of the batch is stored already")              \
    X(10210, BATCHES_TOO_MANY, MOMENT, "more batches at once than the server takes")

enum jetstream_code {
#define JETSTREAM_CODE_ENUM(code, name, blame, meaning) JETSTREAM_##name = (code),
    JETSTREAM_CODE_TABLE(JETSTREAM_CODE_ENUM)
#undef JETSTREAM_CODE_ENUM
};

enum blame jetstream_blame(int code);

#endif
