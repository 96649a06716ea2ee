/*
 * All that handlers reach from a request: the gateway's settings, the parts that all threads share,
 * and the lane that serves the request. A lane is one h2o loop with everything that only its thread
 * touches. The parts are declared where they live: a file that uses one includes its header.
 */
#ifndef OM_GATEWAY_LANE_LANE_H
#define OM_GATEWAY_LANE_LANE_H

#include "gateway/link/redis_health.h"
#include "shared/base/buf.h"
#include "shared/base/config.h"
#include "shared/contract/order_snapshot.h"

#include "shared/loop/loop.h"
#include <stdatomic.h>

/* The gateway's own configuration rows fill this. */
struct gateway_settings {
    const char *http_address;
    int64_t http_port;  /* -1: HTTPS only */
    int64_t https_port; /* 0: no HTTPS */
    const char *tls_cert_file, *tls_key_file;
    int64_t http_threads;    /* 0: one a core */
    int64_t max_connections; /* 0: as many as descriptors allow */
    int64_t max_input_bytes;
    int64_t request_timeout_ms, idle_timeout_ms, send_timeout_ms;
    int64_t leave_ms;
    int64_t max_in_flight;
    int64_t publish_timeout_ms, rpc_timeout_ms, redis_timeout_ms;
    int64_t catalog_cache_ms;
    int64_t events_heartbeat_ms;
    int64_t command_grace_s, command_kept_bytes;
    bool is_key_required;
    const char *tenant;
    const char *flow_name;
    const char *capture_name;
    const char *auth, *jwt_algorithm, *jwt_key_file, *jwt_old_key_file, *jwt_issuer, *jwt_audience;
    int64_t jwt_leeway_s;
    const char *trace_sample;
    const char *cors_origins;
    const char *stripe_secret_file, *stripe_old_secret_file;
    const char *rate_read, *rate_write, *rate_admin, *rate_address, *trusted_proxies;
};

struct auth;
struct broker;
struct broker_lane;
struct catalog_cache;
struct cors;
struct events;
struct feed;
struct kept_sweep;
struct key_ring;
struct publish_health;
struct publish_lane;
struct publish_probe;
struct rate_limiter;
struct rate_limits;
struct redis;
struct seal_lane;
struct shared_seal;
struct shared_seal_poll;
struct stripe_secret;
struct trusted_proxies;

struct gateway {
    const struct config *config;
    const struct gateway_settings *settings;
    enum order_flow flow;
    enum order_capture capture;
    unsigned channels;  /* NOTIFY_BIT()s that an order may choose */
    double trace_share; /* of the traces that begin here, recorded */
    struct key_ring *keys;
    struct shared_seal *seal;
    struct stripe_secret *stripe_secret, *stripe_old_secret; /* of its webhooks; NULL: none */
    struct broker *broker;
    struct feed *feed;
    struct auth *auth;
    const struct rate_limits *limits;
    const struct trusted_proxies *proxies;
    const struct cors *cors;
    size_t lane_count;
    struct redis_health redis_health;
    struct publish_health *publish_health;
    atomic_bool is_kept_full;            /* no further commands are kept (gateway/kept/) */
    atomic_int_fast64_t kept_refused_us; /* by Redis, the last one, monotonic; 0: it was kept */
    atomic_int in_flight;                /* requests being answered */
    atomic_bool is_serving;              /* all is open; before, the broker may be missing */
    atomic_bool is_draining;
};

struct lane {
    h2o_context_t context;
    struct gateway *gateway;
    struct redis *redis;
    struct rate_limiter *limiter;
    struct catalog_cache *catalog;
    struct broker_lane *broker;
    struct events *events;
    struct publish_lane *publish;
    struct seal_lane *seal;
    struct publish_probe *probe;        /* one lane's */
    struct kept_sweep *sweep;           /* as well */
    struct shared_seal_poll *seal_poll; /* as well */
    struct buf scratch; /* for JSON under construction; free for use between callbacks */
};

static inline struct lane *lane_of(const h2o_req_t *req) {
    return H2O_STRUCT_FROM_MEMBER(struct lane, context, req->conn->ctx);
}

/* The lane's scratch, emptied. */
static inline struct buf *lane_scratch(struct lane *lane) {
    buf_clear(&lane->scratch);
    return &lane->scratch;
}

#endif
