/* A request to an endpoint of the mesh, and its answer. Thread safe. */
#ifndef OM_SHARED_NATS_MESH_CALL_H
#define OM_SHARED_NATS_MESH_CALL_H

#include "shared/base/slice.h"
#include "shared/json/json.h"
#include "shared/nats/nats_client.h"

/* As long as people wait for one. */
#define MESH_CALL_MS 10000

/* Blocks for up to `timeout_ms`. *reply is the caller's (json_object_put). A refusal of the service
   is INVALID, NOT_FOUND or CONFLICT with its words; UNAVAILABLE: nobody serves the subject, or the
   service has no database or broker. */
enum status mesh_call(struct nats_client *nats, const char *subject, struct slice body,
                      int64_t timeout_ms, struct json_object **reply,
                      struct error *error) MUST_CHECK;

/* The same with {"id": `id`} as the request. */
enum status mesh_call_by_id(struct nats_client *nats, const char *subject, const char *id,
                            struct json_object **reply, struct error *error) MUST_CHECK;

/* The same of an answer to a request that was made otherwise; OK when it is none. */
enum status mesh_call_refusal(natsMsg *answer, const char *subject, struct error *error) MUST_CHECK;

#endif
