/*
 * The clients of a mesh (mesh.h): single orders by HTTP, load by om-test-load, and the checker over
 * everything they were ever told. Every order of a test goes through here, so that the checker
 * knows it was asked for. Main thread only, but for clients_send().
 */
#ifndef OM_TESTS_SUPPORT_MESH_MESH_CLIENT_H
#define OM_TESTS_SUPPORT_MESH_MESH_CLIENT_H

#include "shared/base/buf.h"
#include "tests/support/mesh/mesh.h"
#include "tests/support/network/http.h"

struct clients;

struct clients *clients_create(struct mesh *mesh);
void clients_destroy(struct clients **clients);
uint64_t clients_seed(const struct clients *clients); /* OM_SEED, or one of the moment */

/* An answer to POST /api/v1/orders. */
struct placed_order {
    long status;
    char id[64];     /* "" unless accepted */
    bool is_replay;  /* Idempotent-Replayed: true */
    struct buf body; /* owned */
};

/* Sends one order and records what was answered. `key` NULL: without one. */
void clients_place(struct clients *clients, const char *key, const char *body,
                   struct placed_order *order);
/* The same without recording: may run on any thread. Record each answer once it is back. */
void clients_send(const struct clients *clients, const char *key, const char *body,
                  struct placed_order *order);
void clients_record(struct clients *clients, const char *key, const char *body,
                    const struct placed_order *order);
void placed_order_fini(struct placed_order *order);

/* GET of `path`, such as "/api/v1/products". Caller frees *response. */
long clients_get(const struct clients *clients, const char *path, struct http_response *response);
/* Waits until the order's status is `status` (reviving dead processes meanwhile) and leaves the
   whole order's JSON in *json (may be NULL). False with the last one when it is not in time. */
bool clients_await_status(struct clients *clients, const char *id, const char *status,
                          int64_t timeout_ms, struct buf *json);

/* A workload: one run of om-test-load with `arguments` (NULL-terminated; port, prefix, log and seed
   are given). */
struct workload;
struct workload *workload_start(struct clients *clients, const char *const *arguments);
uint64_t workload_accepted(const struct workload *workload); /* so far */
bool workload_await_accepted(struct workload *workload, uint64_t count, int64_t timeout_ms);
void workload_stop(struct workload *workload); /* no further orders; those begun are finished */
/* Waits for its end, reviving dead processes meanwhile; then its summary is there. True when every
   order was accepted. */
bool workload_await_end(struct workload *workload, int64_t timeout_ms);
/* How many answers had this HTTP status; after its end. */
int64_t workload_answers(const struct workload *workload, int status);
void workload_destroy(struct workload **workload);

/* The checker is to find this dead letter, <stream>.<consumer>.<event id>, and no other that it was
   not told of. */
void clients_expect_dead(struct clients *clients, const char *entry);
/* The streams lose messages in this test, and need not have all of them again. */
void clients_expect_losses(struct clients *clients);
/* Waits for everything to come to rest and checks all invariants; prints the report if one does not
   hold. */
bool clients_check(struct clients *clients, int64_t settle_ms);

#endif
