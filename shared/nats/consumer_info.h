/*
 * What the server answers to $JS.API.CONSUMER.INFO.<stream>.<consumer>. Pure.
 */
#ifndef OM_SHARED_NATS_CONSUMER_INFO_H
#define OM_SHARED_NATS_CONSUMER_INFO_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

struct json_object;

struct consumer_info {
    int64_t ack_wait_ms;
    int64_t deliveries_max; /* -1: no limit */
    bool is_paused;
    char paused_until[40];
    char created[40]; /* as the server wrote it: another for a consumer that was made anew */
    bool is_useless;  /* its filter leaves out all of `needs` */
};

/* Subjects that a consumer is there for. */
struct subject_list {
    const char *const *items;
    size_t count;
};

/* How it is used. */
struct consumer_use {
    struct subject_list needs;
    int64_t batch_max, expires_ns; /* of one pull */
};

/* NOT_FOUND when the stream or the consumer is missing, UNAVAILABLE when the server cannot say, or
   when the consumer is of another kind than ours: it leaves messages out, does not deliver them
   whole, gives them up at the first failure, or refuses such pulls. All of them with what to do. */
enum status consumer_info_parse(struct slice reply, const struct consumer_use *use,
                                struct consumer_info *info, struct error *error) MUST_CHECK;

/* Whether a consumer of that configuration is given what is published on `subject`; of a filter in
   its place, whether it is given all that this one matches. */
bool consumer_takes(struct json_object *config, struct slice subject);

#endif
