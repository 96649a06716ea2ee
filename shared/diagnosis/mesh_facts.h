/*
 * What the server says of its consumers, and services of themselves, looked up by consumer. Takes
 * answers in any order, and leaves out what it cannot read.
 *
 * Not thread safe; nothing blocks. What a view has is borrowed from the facts.
 */
#ifndef OM_SHARED_DIAGNOSIS_MESH_FACTS_H
#define OM_SHARED_DIAGNOSIS_MESH_FACTS_H

#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/diagnosis/cause.h"
#include "shared/diagnosis/order_wait.h"

/* The streams that an order goes through. */
extern const char *const mesh_facts_streams[];
enum { MESH_FACTS_STREAMS = 5 };

struct mesh_facts;

struct mesh_facts *mesh_facts_create(void);
void mesh_facts_destroy(struct mesh_facts **facts);

/* The server's answer to $JS.API.CONSUMER.LIST.<mesh_facts_streams[stream]>. Without one nothing is
   known of its consumers. */
void mesh_facts_add_consumers(struct mesh_facts *facts, size_t stream, struct slice answer);
/* One process's answer to $SRV.STATS. */
void mesh_facts_add_process(struct mesh_facts *facts, struct slice answer);

struct consumer_view {
    const char *stream, *name;
    struct slice service; /* whose consumer it is, by its name */
    enum cause cause;     /* UNDER_WAY: nothing is wrong with it */
    int64_t waiting;      /* not delivered yet */
    int64_t in_hand;      /* delivered, not acknowledged */
    int64_t processes;    /* of the service that answered */
    struct slice until;   /* it is paused; "" otherwise */
    struct slice words;   /* why no process of the service is ready, or none publishes; or "" */
    struct slice since;   /* the order's event is in hand and waits for an answer; "" otherwise */
    struct slice awaited; /* which answer */
};

/* `order_id` is the order's that the consumer is looked at for. */
void mesh_facts_view(const struct mesh_facts *facts, const struct awaited_consumer *awaited,
                     const char *order_id, struct consumer_view *view);

#endif
