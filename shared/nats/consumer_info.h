/*
 * What the server answers to $JS.API.CONSUMER.INFO.<stream>.<consumer>. Pure.
 */
#ifndef OM_SHARED_NATS_CONSUMER_INFO_H
#define OM_SHARED_NATS_CONSUMER_INFO_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

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

/* NOT_FOUND when the stream or the consumer is missing, with what to do; UNAVAILABLE when the
   server cannot say, or when it is no consumer to pull from and to acknowledge to. */
enum status consumer_info_parse(struct slice reply, const struct subject_list *needs,
                                struct consumer_info *info, struct error *error) MUST_CHECK;

#endif
