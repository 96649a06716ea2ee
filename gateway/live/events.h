/*
 * Orders as they happen, as event streams (event_stream.h). Loop thread only.
 *
 *     GET /api/v1/orders/{id}/events   one order's timeline, from its first entry or behind
 *                                      Last-Event-ID, until the order has ended; then 204
 *     GET /api/v1/admin/events         all orders: counts of each second and a sample (pulse.h)
 *
 * An entry's id is its place in the timeline. After each entry or more comes an event `status`,
 * without an id: how the order stands now.
 */
#ifndef OM_GATEWAY_LIVE_EVENTS_H
#define OM_GATEWAY_LIVE_EVENTS_H

#include "gateway/lane/lane.h"
#include "shared/base/slice.h"

/* All that a lane keeps for its streams. */
struct events *events_open(struct lane *lane, size_t lane_index);
/* Ends all streams; clients come back elsewhere. */
void events_drain(struct events *events);
/* When the loop has ended. */
void events_close(struct events **events);

void get_order_events(h2o_req_t *req, struct slice id);
void get_all_events(h2o_req_t *req, struct slice id);

#endif
