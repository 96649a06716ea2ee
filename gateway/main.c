/* om-gateway: HTTP in front, NATS behind. */
#include "gateway/gateway.h"
#include "gateway/health.h"
#include "gateway/server.h"
#include "shared/log.h"
#include "shared/nats_client.h"
#include "shared/runtime.h"
#include "shared/service.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

#define ROW(name, kind, member, fallback, least, most, help)                                       \
    { name, kind, offsetof(struct gateway_settings, member), fallback, least, most, help }

static const struct config_row rows[] = {
    ROW("OM_HTTP_ADDRESS", CONFIG_TEXT, http_address, "127.0.0.1", 0, 0, "address to listen on"),
    ROW("OM_HTTP_PORT", CONFIG_INT, http_port, "8080", 0, 65535, "port; 0 takes a free one"),
    ROW("OM_HTTP_THREADS", CONFIG_INT, http_threads, "0", 0, 256, "loops; 0: one a core"),
    ROW("OM_HTTP_MAX_IN_FLIGHT", CONFIG_INT, max_in_flight, "1024", 1, 65535,
        "requests waiting for the broker; more are refused with 503"),
    ROW("OM_IDEMPOTENCY_REQUIRED", CONFIG_BOOL, is_key_required, "false", 0, 0,
        "refuse orders without an Idempotency-Key"),
    ROW("OM_PUBLISH_TIMEOUT_MS", CONFIG_INT, publish_timeout_ms, "2000", 1, 60000,
        "how long to wait for JetStream to store an order"),
    ROW("OM_RPC_TIMEOUT_MS", CONFIG_INT, rpc_timeout_ms, "2000", 1, 60000,
        "how long to wait for a service's answer"),
    ROW("OM_REDIS_TIMEOUT_MS", CONFIG_INT, redis_timeout_ms, "100", 1, 60000,
        "how long to wait for Redis before going on without it"),
    ROW("OM_ALLOW_CATALOG_WRITES", CONFIG_BOOL, allows_catalog_writes, "false", 0, 0,
        "let anybody who reaches the gateway change products and stock"),
    ROW("OM_CATALOG_CACHE_MS", CONFIG_INT, catalog_cache_ms, "2000", 0, 60000,
        "milliseconds that answers about products may be kept; 0: no cache"),
    ROW("OM_TENANT", CONFIG_TEXT, tenant, "default", 0, 0, "tenant of all orders"),
    ROW("OM_FLOW", CONFIG_TEXT, flow_name, "inventory-first", 0, 0,
        "flow of orders that name none: inventory-first, payment-first or parallel"),
    ROW("OM_ALLOW_FLOW", CONFIG_BOOL, is_flow_allowed, "false", 0, 0,
        "let orders name their flow; an administrator's right, for gateways only they reach"),
};

static const struct service service = {.name = "gateway", .description = "takes orders over HTTP"};

static struct gateway_settings settings;
static struct config config;
static struct gateway gateway = {.config = &config, .settings = &settings};

/* Everything from the connections to the end of the last request. */
static enum status serve(struct nats_client *nats, struct error *error) {
    struct micro *micro = NULL;
    struct admin *admin = NULL;
    struct server *server = NULL;
    const struct broker_options broker = {nats, gateway.lane_count, (size_t)settings.max_in_flight,
                                          settings.publish_timeout_ms, settings.rpc_timeout_ms};
    const struct micro_options micro_options = {
        .nats = nats, .service = &service, .version = ordermesh_version};
    enum status status = broker_create(&broker, &gateway.broker, error);
    if (status != STATUS_OK)
        return status;
    status = server_start(&gateway, &server, error);
    if (status == STATUS_OK)
        status = micro_create(&micro_options, &micro, error);
    if (status == STATUS_OK)
        status = admin_start(&config, health_check, &gateway, &admin, error);
    if (status == STATUS_OK)
        runtime_wait_signal();

    atomic_store(&gateway.is_draining, true);
    micro_destroy(&micro);
    if (server != NULL) {
        server_drain(server, status == STATUS_OK ? config.drain_ms : 0);
        server_stop(server);
    }
    broker_stop(gateway.broker);
    admin_stop(&admin);
    broker_destroy(&gateway.broker);
    return status;
}

/* The signals are blocked, so one that has come is pending. */
static bool is_told_to_end(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* Each try waits for some seconds by itself. */
static enum status connect_nats(struct nats_client **nats, struct error *error) {
    const struct nats_client_options options = {config.nats_url, config.nats_user,
                                                config.nats_password_file, service.name};
    enum status status;
    while ((status = nats_client_create(&options, nats, error)) != STATUS_OK) {
        if (!status_is_retryable(status))
            return status;
        log_warn("NATS is not there yet", LOG_ERROR(error));
        if (is_told_to_end())
            return error_set(error, STATUS_CLOSED, "told to end before NATS was there");
    }
    return STATUS_OK;
}

static enum status run(struct error *error) {
    struct nats_client *nats = NULL;
    gateway.lane_count = server_lane_count(&settings);
    if (!order_flow_parse(slice_of(settings.flow_name), &gateway.flow))
        return error_set(error, STATUS_INVALID,
                         "OM_FLOW is none of inventory-first payment-first parallel");
    enum status status =
        key_ring_create(config.pii_key_file, config.pii_old_key_file, &gateway.keys, error);
    if (status == STATUS_OK)
        status = connect_nats(&nats, error);
    if (status == STATUS_OK)
        status = serve(nats, error);
    nats_client_destroy(&nats);
    key_ring_destroy(&gateway.keys);
    return status;
}

int main(int argc, char **argv) {
    struct error error = {0};
    runtime_block_signals();
    int code = runtime_configure(service.name, service.description, rows,
                                 sizeof(rows) / sizeof(rows[0]), &settings, argc, argv, &config);
    if (code >= 0)
        return code;
    enum status status = run(&error);
    if (status == STATUS_OK || status == STATUS_CLOSED)
        return EXIT_SUCCESS;
    log_error("the gateway ends", LOG_ERROR(&error));
    return EXIT_FAILURE;
}
