/*
 * Whether JetStream stores commands: what the last publish said, whoever's it was.
 *
 * Where nobody publishes, the gateway asks by itself, on one of its loops: a message on
 * commands.probe, which the stream keeps and no consumer reads. While all is well and nothing was
 * published for 2 s, its id is always the same, so that the stream drops all but one of its
 * duplicate window: a stream that is missing, sealed or without a leader shows within seconds, one
 * that is full within that window. It is as large as an order, and as the last command if that was
 * too large for the stream: a smaller one would be stored. After a failure each second's message is
 * new, so that its acknowledgement says that commands are stored again.
 */
#ifndef OM_GATEWAY_ORDERS_PUBLISH_HEALTH_H
#define OM_GATEWAY_ORDERS_PUBLISH_HEALTH_H

#include "gateway/link/broker.h"

struct publish_health;

/* No publish has said anything yet. Judging and reading from any thread. */
struct publish_health *publish_health_create(struct nats_client *nats);
void publish_health_destroy(struct publish_health **health);

/* OK when the answer says that the stream holds the message, whose body had `size` bytes (0: a
   probe). */
enum status publish_health_judge(struct publish_health *health, const struct broker_answer *answer,
                                 size_t size, struct error *error) MUST_CHECK;
/* False: `why` says so. */
bool publish_health_is_good(struct publish_health *health, struct error *why);

/* What asks. Loop thread; nothing blocks. */
struct publish_probe;
struct publish_probe *publish_probe_create(struct publish_health *health, h2o_context_t *context,
                                           struct broker_lane *broker);
void publish_probe_destroy(struct publish_probe **probe);

#endif
