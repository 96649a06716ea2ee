/*
 * The customers of a mesh (mesh.h): single orders by HTTP, load by om-test-load, and the checker
 * over everything they were ever told. Every order of a test goes through here, so that the
 * checker knows it was asked for. Main thread only, but for customer_send().
 */
#ifndef OM_TESTS_SUPPORT_MESH_CLIENT_H
#define OM_TESTS_SUPPORT_MESH_CLIENT_H

#include "tests/support/http.h"
#include "tests/support/mesh.h"

struct customers;

struct customers *customers_create(struct mesh *mesh);
void customers_destroy(struct customers **customers);
uint64_t customers_seed(const struct customers *customers); /* OM_SEED, or one of the moment */

/* An answer to POST /api/v1/orders. */
struct placed_order {
    long status;
    char id[64];     /* "" unless accepted */
    bool is_replay;  /* Idempotent-Replayed: true */
    struct buf body; /* owned */
};

/* Sends one order and records what was answered. `key` NULL: without one. */
void customers_place(struct customers *customers, const char *key, const char *body,
                     struct placed_order *order);
/* The same without recording: may run on any thread. Record each answer once it is back. */
void customers_send(const struct customers *customers, const char *key, const char *body,
                    struct placed_order *order);
void customers_record(struct customers *customers, const char *key, const char *body,
                      const struct placed_order *order);
void placed_order_fini(struct placed_order *order);

/* GET of `path`, such as "/api/v1/products". Caller frees *response. */
long customers_get(const struct customers *customers, const char *path,
                   struct http_response *response);
/* Waits until the order's status is `status` (reviving dead processes meanwhile) and leaves the
   whole order's JSON in *json (may be NULL). False with the last one when it is not in time. */
bool customers_await_status(struct customers *customers, const char *id, const char *status,
                            int64_t timeout_ms, struct buf *json);

/* A crowd: one run of om-test-load with `arguments` (NULL-terminated; port, prefix, log and seed
   are given). */
struct crowd;
struct crowd *crowd_start(struct customers *customers, const char *const *arguments);
uint64_t crowd_accepted(const struct crowd *crowd); /* so far */
bool crowd_await_accepted(struct crowd *crowd, uint64_t count, int64_t timeout_ms);
void crowd_stop(struct crowd *crowd); /* no further orders; those begun are finished */
/* Waits for its end, reviving dead processes meanwhile; then its summary is there. True when every
   order was accepted. */
bool crowd_await_end(struct crowd *crowd, int64_t timeout_ms);
/* How many answers had this HTTP status; after its end. */
int64_t crowd_answers(const struct crowd *crowd, int status);
void crowd_destroy(struct crowd **crowd);

/* Waits for everything to come to rest and checks all invariants; prints the report if one does not
   hold. */
bool customers_check(struct customers *customers, int64_t settle_ms);

#endif
