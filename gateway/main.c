/* om-gateway: HTTP in front, NATS behind. */
#include "gateway/admit/auth.h"
#include "gateway/admit/client_address.h"
#include "gateway/admit/cors.h"
#include "gateway/admit/rate_limit.h"
#include "gateway/customers/shared_seal.h"
#include "gateway/describe.h"
#include "gateway/health.h"
#include "gateway/http/tls.h"
#include "gateway/lane/lane.h"
#include "gateway/lane/request_trace.h"
#include "gateway/link/broker.h"
#include "gateway/link/feed.h"
#include "gateway/link/redis.h"
#include "gateway/orders/publish_health.h"
#include "gateway/server.h"
#include "shared/base/version.h"
#include "shared/contract/notify_channel.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/stripe_signature.h"
#include "shared/nats/nats_client.h"
#include "shared/net/listen.h"
#include "shared/net/span_exporter.h"
#include "shared/observe/log.h"
#include "shared/service/admin.h"
#include "shared/service/micro.h"
#include "shared/service/runtime.h"
#include "shared/service/service.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MOST_MS 2000
#define EXIT_PORT_TAKEN 3

#define ROW(name, kind, member, fallback, least, most, help)                                       \
    { name, kind, offsetof(struct gateway_settings, member), fallback, least, most, help }

static const struct config_row rows[] = {
    ROW("OM_HTTP_ADDRESS", CONFIG_ADDRESS, http_address, "127.0.0.1", 0, 0, "address to listen on"),
    ROW("OM_HTTP_PORT", CONFIG_INT, http_port, "8080", -1, 65535,
        "port; 0 takes a free one; -1: none, so HTTPS only"),
    ROW("OM_HTTPS_PORT", CONFIG_INT, https_port, "0", 0, 65535, "port for HTTPS; 0: none"),
    ROW("OM_TLS_CERT_FILE", CONFIG_TEXT, tls_cert_file, "", 0, 0,
        "certificate chain for HTTPS (PEM); read again on SIGHUP"),
    ROW("OM_TLS_KEY_FILE", CONFIG_TEXT, tls_key_file, "", 0, 0,
        "private key of the certificate (PEM, no passphrase)"),
    ROW("OM_HTTP_MAX_CONNECTIONS", CONFIG_INT, max_connections, "0", 0, 1000000,
        "open connections; further ones get 503; 0: as many as there are descriptors for"),
    ROW("OM_HTTP_MAX_INPUT_BYTES", CONFIG_INT, max_input_bytes, "67108864", 1048576,
        INT64_C(1) << 40,
        "bytes of requests in memory, all connections together; what arrives slowest gets 503"),
    ROW("OM_HTTP_REQUEST_TIMEOUT_MS", CONFIG_INT, request_timeout_ms, "10000", 100, 600000,
        "for a request to arrive whole"),
    ROW("OM_HTTP_IDLE_TIMEOUT_MS", CONFIG_INT, idle_timeout_ms, "60000", 100, 600000,
        "for the next request of a connection to begin"),
    ROW("OM_HTTP_SEND_TIMEOUT_MS", CONFIG_INT, send_timeout_ms, "10000", 100, 600000,
        "for an answer, or each part of a stream, to be taken by the client"),
    ROW("OM_HTTP_LEAVE_MS", CONFIG_INT, leave_ms, "2000", 0, 60000,
        "milliseconds after SIGTERM in which clients of kept connections hear, with their next "
        "answer, that these end"),
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
    ROW("OM_COMMAND_GRACE_S", CONFIG_INT, command_grace_s, "30", 1, 3600,
        "seconds that the order service has for an accepted command before it can be called lost "
        "and is published again"),
    ROW("OM_COMMAND_KEPT_BYTES", CONFIG_INT, command_kept_bytes, "134217728", 0, INT64_C(1) << 40,
        "memory of Redis for accepted commands that the order service does not have yet; what "
        "comes then is not kept"),
    ROW("OM_CATALOG_CACHE_MS", CONFIG_INT, catalog_cache_ms, "2000", 0, 60000,
        "milliseconds that answers about products may be kept; 0: no cache"),
    ROW("OM_EVENTS_HEARTBEAT_MS", CONFIG_INT, events_heartbeat_ms, "15000", 100, 60000,
        "milliseconds between comments on a quiet event stream; a client that takes nothing for as "
        "long is dropped"),
    ROW("OM_TENANT", CONFIG_TEXT, tenant, "default", 0, 0, "tenant of all orders"),
    ROW("OM_FLOW", CONFIG_TEXT, flow_name, "inventory-first", 0, 0,
        "flow of orders that name none: inventory-first, payment-first or parallel"),
    ROW("OM_PAYMENT_CAPTURE", CONFIG_TEXT, capture_name, "automatic", 0, 0,
        "when the money of orders that do not say is taken: automatic (at once) or on_shipment; "
        "not before all services run a version that knows it"),
    ROW("OM_AUTH", CONFIG_TEXT, auth, "none", 0, 0,
        "jwt: callers need a token; none: they do not, on a loopback address only"),
    ROW("OM_JWT_ALG", CONFIG_TEXT, jwt_algorithm, "", 0, 0,
        "the only algorithm of tokens: HS256, RS256 or ES256"),
    ROW("OM_JWT_KEY_FILE", CONFIG_TEXT, jwt_key_file, "", 0, 0,
        "file with the secret (HS256) or the public key in PEM that tokens are verified with"),
    ROW("OM_JWT_OLD_KEY_FILE", CONFIG_TEXT, jwt_old_key_file, "", 0, 0,
        "file with the previous key, which is accepted too"),
    ROW("OM_JWT_ISSUER", CONFIG_TEXT, jwt_issuer, "", 0, 0, "what iss must be"),
    ROW("OM_JWT_AUDIENCE", CONFIG_TEXT, jwt_audience, "", 0, 0, "what aud must be or hold"),
    ROW("OM_JWT_LEEWAY_S", CONFIG_INT, jwt_leeway_s, "30", 0, 600,
        "seconds that the issuer's clock may differ"),
    ROW("OM_STRIPE_WEBHOOK_SECRET_FILE", CONFIG_TEXT, stripe_secret_file, "", 0, 0,
        "file with the secret (whsec_...) of Stripe's webhooks, which come at "
        "/api/v1/stripe/webhook; empty: none is taken"),
    ROW("OM_STRIPE_WEBHOOK_OLD_SECRET_FILE", CONFIG_TEXT, stripe_old_secret_file, "", 0, 0,
        "file with the previous secret, which is accepted too"),
    ROW("OM_TRACE_SAMPLE", CONFIG_TEXT, trace_sample, "1", 0, 0,
        "share of the requests without a traceparent whose traces are recorded, 0 to 1"),
    ROW("OM_CORS_ORIGINS", CONFIG_TEXT, cors_origins, "", 0, 0,
        "origins whose pages may use the API in a browser, comma separated, such as "
        "https://shop.example; *: any, with OM_AUTH=jwt"),
    ROW("OM_RATE_READ", CONFIG_TEXT, rate_read, "off", 0, 0,
        "reads of a subject, such as 600/1m; off: no limit"),
    ROW("OM_RATE_WRITE", CONFIG_TEXT, rate_write, "off", 0, 0,
        "orders placed and cancelled by a subject, such as 100/1m; off: no limit"),
    ROW("OM_RATE_ADMIN", CONFIG_TEXT, rate_admin, "off", 0, 0,
        "an administrator's requests, such as 300/1m; off: no limit"),
    ROW("OM_RATE_ADDRESS", CONFIG_TEXT, rate_address, "off", 0, 0,
        "all requests from one address, such as 3000/1m; off: no limit"),
    ROW("OM_TRUSTED_PROXIES", CONFIG_TEXT, trusted_proxies, "", 0, 0,
        "addresses and networks, comma separated, whose X-Forwarded-For is believed"),
};

static const struct service service = {.name = "gateway", .description = "Takes orders over HTTP"};

static struct gateway_settings settings;
static struct config config;
static struct rate_limits limits;
static struct trusted_proxies proxies;
static struct cors cors;
static struct gateway gateway = {.config = &config,
                                 .settings = &settings,
                                 .limits = &limits,
                                 .proxies = &proxies,
                                 .cors = &cors};

static enum status open_auth(struct error *error) {
    const struct auth_options options = {
        .mode = settings.auth,
        .http_address = settings.http_address,
        .token = {.algorithm = settings.jwt_algorithm,
                  .key_file = settings.jwt_key_file,
                  .old_key_file = settings.jwt_old_key_file,
                  .issuer = settings.jwt_issuer,
                  .audience = settings.jwt_audience,
                  .leeway_s = settings.jwt_leeway_s,
                  .tenant = settings.tenant},
    };
    return auth_create(&options, &gateway.auth, error);
}

static enum status read_limits(struct error *error) {
    const struct {
        const char *row, *text;
        enum rate_class rate_class;
    } quotas[] = {{"OM_RATE_READ", settings.rate_read, RATE_READ},
                  {"OM_RATE_WRITE", settings.rate_write, RATE_WRITE},
                  {"OM_RATE_ADMIN", settings.rate_admin, RATE_ADMIN},
                  {"OM_RATE_ADDRESS", settings.rate_address, RATE_ADDRESS}};
    for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++)
        if (!rate_quota_parse(quotas[i].text, &limits.quotas[quotas[i].rate_class]))
            return error_set(error, STATUS_INVALID, "%s is neither off nor such as 100/1m",
                             quotas[i].row);
    return trusted_proxies_parse(settings.trusted_proxies, &proxies, error);
}

static enum status open_stripe_secrets(struct error *error) {
    enum status status = STATUS_OK;
    if (settings.stripe_secret_file[0] != '\0')
        status = stripe_secret_create(settings.stripe_secret_file, &gateway.stripe_secret, error);
    if (status == STATUS_OK && settings.stripe_old_secret_file[0] != '\0')
        status = stripe_secret_create(settings.stripe_old_secret_file, &gateway.stripe_old_secret,
                                      error);
    return status;
}

static enum status check_certificate(struct error *error) {
    struct tls *tls = NULL;
    if (settings.https_port == 0)
        return STATUS_OK;
    if (settings.tls_cert_file[0] == '\0' || settings.tls_key_file[0] == '\0')
        return error_set(error, STATUS_INVALID,
                         "OM_HTTPS_PORT needs OM_TLS_CERT_FILE and OM_TLS_KEY_FILE");
    enum status status = tls_create(settings.tls_cert_file, settings.tls_key_file, &tls, error);
    tls_destroy(&tls);
    return status;
}

/* Where no token is asked for, the origins named may do everything. */
static enum status read_origins(struct error *error) {
    enum status status = cors_parse(settings.cors_origins, &cors, error);
    if (status == STATUS_OK && cors.is_any && strcmp(settings.auth, "none") == 0)
        return error_set(error, STATUS_INVALID,
                         "OM_CORS_ORIGINS=* would let any page do everything with OM_AUTH=none");
    return status;
}

/* The rules that no row can state alone. */
static enum status check_settings(const struct config *common, struct error *error) {
    if (strlen(settings.tenant) > CALLER_TENANT_MAX)
        return error_set(error, STATUS_INVALID, "OM_TENANT has more than %d bytes",
                         CALLER_TENANT_MAX);
    if (!order_flow_parse(slice_of(settings.flow_name), &gateway.flow))
        return error_set(error, STATUS_INVALID,
                         "OM_FLOW is none of inventory-first payment-first parallel");
    if (!order_capture_parse(slice_of(settings.capture_name), &gateway.capture))
        return error_set(error, STATUS_INVALID,
                         "OM_PAYMENT_CAPTURE is neither automatic nor on_shipment");
    enum status status = notify_channels_parse(common->notify_offered, &gateway.channels, error);
    if (status == STATUS_OK)
        status = redis_check_url(common->redis_url, error);
    if (status == STATUS_OK)
        status = listen_check("OM_HTTP_ADDRESS", settings.http_address, error);
    if (status != STATUS_OK)
        return status;
    if (!trace_sample_parse(settings.trace_sample, &gateway.trace_share))
        return error_set(error, STATUS_INVALID, "OM_TRACE_SAMPLE is not a number from 0 to 1");
    if (settings.http_port < 0 && settings.https_port == 0)
        return error_set(error, STATUS_INVALID, "OM_HTTP_PORT=-1 needs OM_HTTPS_PORT");
    status = read_limits(error);
    if (status == STATUS_OK)
        status = read_origins(error);
    if (status == STATUS_OK)
        status = check_certificate(error);
    if (status == STATUS_OK)
        status = open_stripe_secrets(error);
    return status == STATUS_OK ? open_auth(error) : status;
}

/* Until SIGTERM or SIGINT; SIGHUP only has the certificate read again. */
static void wait_for_end(struct server *server) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    for (int number;;) {
        if (sigwait(&set, &number) != 0)
            continue;
        if (number != SIGHUP)
            return;
        server_reload(server);
    }
}

/* Half of the time, so that a command that is lost on its way can be sent again; and no longer than
   silence may last before health tells of it. */
static int64_t try_ms(void) {
    int64_t half_ms = (settings.publish_timeout_ms + 1) / 2;
    return half_ms < SILENCE_MOST_MS ? half_ms : SILENCE_MOST_MS;
}

/* Everything from the connections to the end of the last request. Stops the admin port, which asks
   about the broker. */
static enum status serve(struct nats_client *nats, struct admin **admin, struct error *error) {
    struct micro *micro = NULL;
    struct server *server = NULL;
    const struct broker_options broker = {nats, gateway.lane_count, (size_t)settings.max_in_flight,
                                          try_ms(), settings.rpc_timeout_ms};
    const struct micro_options micro_options = {
        .nats = nats, .service = &service, .version = ordermesh_version};
    enum status status = broker_create(&broker, &gateway.broker, error);
    if (status != STATUS_OK)
        return status;
    gateway.publish_health = publish_health_create(nats);
    status = feed_create(nats, gateway.lane_count, &gateway.feed, error);
    if (status == STATUS_OK)
        status = server_start(&gateway, &server, error);
    if (status == STATUS_OK)
        status = micro_create(&micro_options, &micro, error);
    if (status == STATUS_OK) {
        atomic_store(&gateway.is_serving, true);
        wait_for_end(server);
    }

    atomic_store(&gateway.is_draining, true);
    micro_destroy(&micro);
    if (server != NULL) {
        server_drain(server, status == STATUS_OK ? config.drain_ms : 0);
        server_stop(server);
    }
    feed_stop(gateway.feed);
    broker_stop(gateway.broker);
    admin_stop(admin);
    feed_destroy(&gateway.feed);
    broker_destroy(&gateway.broker);
    publish_health_destroy(&gateway.publish_health);
    return status;
}

static enum status run(struct error *error) {
    struct nats_client *nats = NULL;
    struct admin *admin = NULL;
    gateway.lane_count = server_lane_count(&settings);
    enum status status =
        key_ring_create(config.pii_key_file, config.pii_old_key_file, &gateway.keys, error);
    limits.local = rate_local_create();
    gateway.seal = shared_seal_create();
    if (status == STATUS_OK)
        status = runtime_start_spans(service.name, &config, error);
    if (status == STATUS_OK)
        status = admin_start(&config, health_check, &gateway, &admin, error);
    if (status == STATUS_OK)
        status = runtime_connect_nats(service.name, &config, &nats, error);
    if (status == STATUS_OK)
        status = serve(nats, &admin, error);
    admin_stop(&admin);
    nats_client_destroy(&nats);
    key_ring_destroy(&gateway.keys);
    shared_seal_destroy(&gateway.seal);
    rate_local_destroy(&limits.local);
    auth_destroy(&gateway.auth);
    span_exporter_stop();
    return status;
}

static void block_hangup(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int print_description(void) {
    struct buf out = {0};
    gateway_describe(&out);
    puts(out.ptr);
    buf_fini(&out);
    return EXIT_SUCCESS;
}

/* om-gateway --hold COMMAND...: keeps the ports for the gateways that the command starts. */
static int hold(char **command) {
    struct error error = {0};
    enum status status = server_hold(&settings, command, &error);
    fprintf(stderr, "om-gateway: %s\n", error.text);
    return status == STATUS_CONFLICT ? EXIT_PORT_TAKEN : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    struct error error = {0};
    bool holds = argc > 2 && strcmp(argv[1], "--hold") == 0;
    if (argc == 2 && strcmp(argv[1], "--describe") == 0)
        return print_description();
    if (!holds) {
        runtime_block_signals();
        block_hangup();
    }
    int code =
        runtime_configure(service.name, service.description, rows, sizeof(rows) / sizeof(rows[0]),
                          &settings, check_settings, holds ? 1 : argc, argv, &config);
    if (code >= 0)
        return code;
    if (holds)
        return hold(argv + 2);
    enum status status = run(&error);
    if (status == STATUS_OK || status == STATUS_CLOSED)
        return EXIT_SUCCESS;
    log_error("the gateway ends", LOG_ERROR(&error));
    return EXIT_FAILURE;
}
