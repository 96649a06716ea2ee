#include "shared/service/runtime.h"

#include "shared/base/clock.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/base/version.h"
#include "shared/consume/consumer.h"
#include "shared/json/json.h"
#include "shared/net/http_client.h"
#include "shared/net/listen.h"
#include "shared/net/span_exporter.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/outbox/relay.h"
#include "shared/service/admin.h"
#include "shared/service/discarded.h"
#include "shared/service/micro.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

METRIC_GAUGE(build_info, "ordermesh_build_info", "version", "Always 1; the version as a label.");
METRIC_GAUGE(start_time, "ordermesh_start_time_seconds", "",
             "When the process started, in seconds since 1970.");

#define STOP_POLL_MS 5
#define NATS_RETRY_MS 500

/* What the process waits for at its start. */
static struct hindrance start_hindrance = {.mutex = PTHREAD_MUTEX_INITIALIZER};

enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_DRAINING };

/* One process, from its arguments to its exit. */
struct runtime {
    const struct service *service;
    struct config config;
    void *context;
    struct nats_client *nats;
    struct relay *relay;
    struct consumer **consumers;
    struct periodic_task **periodics;
    struct worker **workers;
    struct micro *micro;
    struct replica_watch *replica; /* NULL: none is read */
    struct worker *discarded;      /* NULL without a database */
    struct admin *admin;
    _Atomic enum phase phase;
};

void runtime_say_starting(struct error *why) {
    struct error hindrance;
    if (hindrance_read(&start_hindrance, &hindrance))
        error_fill(why, STATUS_UNAVAILABLE, "starting: NATS is not there yet: %s", hindrance.text);
    else
        error_fill(why, STATUS_UNAVAILABLE, "starting");
}

/* --- arguments, configuration, signals -------------------------------------------------------- */

static void print_help(const char *name, const char *description, const struct config_row *rows,
                       size_t count) {
    printf("om-%s: %s\n\nusage: om-%s [--help | --version | --check-config]\n\n"
           "Configuration comes from the environment.\n\n",
           name, description, name);
    config_print_help(config_common_rows, config_common_count, stdout);
    if (count > 0)
        config_print_help(rows, count, stdout);
}

static const char *default_instance(void) {
    char host[64] = "localhost";
    gethostname(host, sizeof(host) - 1);
    struct buf name = {0}; /* lives as long as the process */
    buf_printf(&name, "%s-%d", host, (int)getpid());
    return name.ptr;
}

static enum status check_common(const struct config *config, enum log_level *level,
                                struct error *error) {
    enum status status = nats_client_check_url(config->nats_url, error);
    if (status == STATUS_OK)
        status = listen_check("OM_ADMIN_ADDRESS", config->admin_address, error);
    if (status != STATUS_OK)
        return status;
    if (!pg_is_url(config->database_url))
        return error_set(error, STATUS_INVALID, "OM_DATABASE_URL cannot be parsed");
    if (!pg_is_url(config->database_read_url))
        return error_set(error, STATUS_INVALID, "OM_DATABASE_READ_URL cannot be parsed");
    if (config->otlp_url[0] != '\0' && !httpc_is_url(config->otlp_url))
        return error_set(error, STATUS_INVALID, "OM_OTLP_URL is no http or https address");
    if (!log_level_parse(config->log_level, level))
        return error_set(error, STATUS_INVALID, "OM_LOG_LEVEL is none of debug info warn error");
    return STATUS_OK;
}

static enum status load_all(const struct config_row *rows, size_t count, void *target,
                            struct config *config, enum log_level *level, struct error *error) {
    enum status common = config_load(config_common_rows, config_common_count, config, error);
    enum status own = count > 0 ? config_load(rows, count, target, error) : STATUS_OK;
    if (common != STATUS_OK || own != STATUS_OK)
        return common != STATUS_OK ? common : own;
    return check_common(config, level, error);
}

int runtime_configure(const char *name, const char *description, const struct config_row *rows,
                      size_t count, void *target, config_check_fn check, int argc, char **argv,
                      struct config *config) {
    const char *option = argc > 1 ? argv[1] : "";
    bool checks_only = strcmp(option, "--check-config") == 0;
    if (strcmp(option, "--help") == 0) {
        print_help(name, description, rows, count);
        return 0;
    }
    if (strcmp(option, "--version") == 0) {
        printf("om-%s %s\n", name, ordermesh_version);
        return 0;
    }
    if (argc > 2 || (argc == 2 && !checks_only)) {
        fprintf(stderr, "om-%s: unknown argument; see --help\n", name);
        return 2;
    }
    struct error error = {0};
    enum log_level level;
    if (load_all(rows, count, target, config, &level, &error) != STATUS_OK ||
        (check != NULL && check(config, &error) != STATUS_OK)) {
        fprintf(stderr, "om-%s: configuration: %s\n", name, error.text);
        return 2;
    }
    if (checks_only) {
        printf("om-%s: the configuration is right\n", name);
        return 0;
    }
    if (config->instance[0] == '\0')
        config->instance = default_instance();
    log_init(name, config->instance, level);
    metric_set(&start_time, 0, clock_now_us() / 1000000);
    metric_set(&build_info, metric_slot(&build_info, ordermesh_version), 1);
    return -1;
}

enum status runtime_start_spans(const char *name, const struct config *config,
                                struct error *error) {
    const struct span_exporter_options options = {
        .url = config->otlp_url,
        .service = name,
        .instance = config->instance,
        .version = ordermesh_version,
    };
    return span_exporter_start(&options, error);
}

static sigset_t ending_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void runtime_block_signals(void) {
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* True when a signal came within `ms`. */
static bool wait_signal_ms(int64_t ms) {
    sigset_t set = ending_signals();
    struct timespec timeout = {ms / 1000, ms % 1000 * 1000000};
    return sigtimedwait(&set, NULL, &timeout) > 0;
}

void runtime_wait_signal(void) {
    sigset_t set = ending_signals();
    int number;
    while (sigwait(&set, &number) != 0)
        ;
}

/* --- readiness -------------------------------------------------------------------------------- */

static bool parts_are_ready(struct runtime *runtime, struct error *why) {
    bool is_ready = runtime->relay == NULL || relay_is_ready(runtime->relay, why);
    for (size_t i = 0; i < runtime->service->consumer_count && is_ready; i++)
        is_ready = consumer_is_ready(runtime->consumers[i], why);
    for (size_t i = 0; i < runtime->service->worker_count && is_ready; i++)
        is_ready = worker_is_ready(runtime->workers[i], why);
    return is_ready;
}

/* Periodic tasks run only while the other parts are ready, and so are not among them. */
static bool tasks_are_ready(struct runtime *runtime, struct error *why) {
    bool is_ready = micro_is_ready(runtime->micro, why);
    for (size_t i = 0; i < runtime->service->periodic_count && is_ready; i++)
        is_ready = periodic_is_ready(runtime->periodics[i], why);
    return is_ready;
}

static bool is_ready_or_why(struct runtime *runtime, struct error *why) {
    enum phase phase = atomic_load(&runtime->phase);
    if (phase == PHASE_RUNNING && nats_client_is_connected(runtime->nats))
        return parts_are_ready(runtime, why);
    if (phase == PHASE_STARTING)
        runtime_say_starting(why);
    else
        error_fill(why, STATUS_UNAVAILABLE, "%s",
                   phase == PHASE_DRAINING ? "draining" : "NATS is away");
    return false;
}

static bool is_all_ready(void *closure, struct error *why) {
    struct runtime *runtime = closure;
    return is_ready_or_why(runtime, why) && tasks_are_ready(runtime, why) &&
           nats_client_check_rights(runtime->nats, why) == STATUS_OK;
}

static void check_readiness(void *closure, struct readiness *readiness) {
    struct runtime *runtime = closure;
    struct error why = {0};
    char holder[RELAY_HOLDER_SIZE] = "";
    readiness->ready = is_all_ready(runtime, &why);
    if (readiness->ready && runtime->replica != NULL && !replica_is_read(runtime->replica, &why))
        holder[0] = '\0';
    else if (readiness->ready && runtime->relay != NULL)
        relay_holder(runtime->relay, holder);
    if (holder[0] != '\0')
        snprintf(readiness->reason, sizeof(readiness->reason), "standing by; %s relays", holder);
    else
        snprintf(readiness->reason, sizeof(readiness->reason), "%.*s",
                 (int)sizeof(readiness->reason) - 1, why.text);
}

static bool is_ready(void *closure) {
    return is_ready_or_why(closure, NULL);
}

/* --- start ------------------------------------------------------------------------------------ */

static void on_committed(void *relay) {
    relay_wake(relay);
}

static void on_batch_committed(void *relay, const struct outbox *outbox) {
    relay_take(relay, outbox);
}

enum status runtime_connect_nats(const char *name, const struct config *config,
                                 struct nats_client **nats, struct error *error) {
    const struct nats_client_options options = {
        .url = config->nats_url,
        .user = config->nats_user,
        .password_file = config->nats_password_file,
        .name = name,
        .tls_ca_file = config->nats_tls_ca_file,
        .tls_cert_file = config->nats_tls_cert_file,
        .tls_key_file = config->nats_tls_key_file,
    };
    while (true) {
        enum status status = nats_client_create(&options, nats, error);
        if (status == STATUS_OK)
            hindrance_clear(&start_hindrance);
        if (status == STATUS_OK || !status_is_retryable(status))
            return status;
        hindrance_set(&start_hindrance, error);
        log_warn("NATS is not there yet", LOG_ERROR(error));
        if (wait_signal_ms(NATS_RETRY_MS))
            return error_set(error, STATUS_CLOSED, "told to end before NATS was there");
    }
}

static enum status start_relay(struct runtime *runtime, struct error *error) {
    if (runtime->service->schema == NULL)
        return STATUS_OK;
    const struct relay_options options = {
        .nats = runtime->nats,
        .database_url = runtime->config.database_url,
        .schema = runtime->service->schema,
        .commands = runtime->service->commands,
        .batch_max = runtime->config.relay_batch_max,
        .poll_ms = runtime->config.relay_poll_ms,
        .instance = runtime->config.instance,
    };
    runtime->relay = relay_create(&options);
    return relay_start(runtime->relay, error);
}

static enum status start_consumers(struct runtime *runtime, struct error *error) {
    const struct service *service = runtime->service;
    const struct consumer_options options = {
        .nats = runtime->nats,
        .database_url = runtime->config.database_url,
        .service = service->name,
        .instance = runtime->config.instance,
        .context = runtime->context,
        .batch_max = runtime->config.batch_max,
        .early_limit_s = runtime->config.early_limit_s,
        .committed = on_batch_committed,
        .committed_closure = runtime->relay,
    };
    enum status status = STATUS_OK;
    runtime->consumers = mem_alloc((service->consumer_count + 1) * sizeof(struct consumer *));
    for (size_t i = 0; i < service->consumer_count; i++)
        runtime->consumers[i] = consumer_create(&service->consumers[i], &options);
    for (size_t i = 0; i < service->consumer_count && status == STATUS_OK; i++)
        status = consumer_start(runtime->consumers[i], error);
    return status;
}

static enum status start_periodics(struct runtime *runtime, struct error *error) {
    const struct service *service = runtime->service;
    const struct periodic_options options = {
        .nats = runtime->nats,
        .database_url = runtime->config.database_url,
        .context = runtime->context,
        .is_ready = is_ready,
        .is_ready_closure = runtime,
        .committed = on_committed,
        .committed_closure = runtime->relay,
    };
    enum status status = STATUS_OK;
    runtime->periodics = mem_alloc((service->periodic_count + 1) * sizeof(struct periodic_task *));
    for (size_t i = 0; i < service->periodic_count && status == STATUS_OK; i++)
        status = periodic_start(service->periodics[i], &options, &runtime->periodics[i], error);
    return status;
}

static void stop_periodics(struct runtime *runtime) {
    for (size_t i = 0; runtime->periodics != NULL && i < runtime->service->periodic_count; i++)
        periodic_stop(&runtime->periodics[i]);
}

static enum status start_workers(struct runtime *runtime, struct error *error) {
    const struct service *service = runtime->service;
    const struct worker_options options = {
        .nats = runtime->nats,
        .config = &runtime->config,
        .context = runtime->context,
    };
    enum status status = STATUS_OK;
    runtime->workers = mem_alloc((service->worker_count + 1) * sizeof(struct worker *));
    for (size_t i = 0; i < service->worker_count && status == STATUS_OK; i++)
        status = worker_start(&service->workers[i], &options, &runtime->workers[i], error);
    return status;
}

static void drain_workers(struct runtime *runtime) {
    for (size_t i = 0; i < runtime->service->worker_count; i++)
        worker_drain(runtime->workers[i]);
}

static void destroy_workers(struct runtime *runtime) {
    for (size_t i = 0; runtime->workers != NULL && i < runtime->service->worker_count; i++)
        worker_destroy(&runtime->workers[i]);
    free(runtime->workers);
}

static enum status start_discarded(struct runtime *runtime, struct error *error) {
    const struct worker_options options = {
        .nats = runtime->nats,
        .config = &runtime->config,
        .context = &runtime->service,
    };
    return runtime->service->schema != NULL
               ? worker_start(&discarded_worker, &options, &runtime->discarded, error)
               : STATUS_OK;
}

/* Where an endpoint reads it. */
static enum status start_replica(struct runtime *runtime, struct error *error) {
    const struct config *config = &runtime->config;
    if (runtime->service->replica_reads == NULL || config->database_read_url[0] == '\0')
        return STATUS_OK;
    return replica_watch_start(config->database_url, config->database_read_url, &runtime->replica,
                               error);
}

static enum status start_all(struct runtime *runtime, struct error *error) {
    const struct service *service = runtime->service;
    runtime->context = service->start == NULL ? service->config_target : NULL;
    enum status status = runtime_start_spans(service->name, &runtime->config, error);
    if (status == STATUS_OK)
        status = admin_start(&runtime->config, check_readiness, runtime, &runtime->admin, error);
    if (status == STATUS_OK)
        status = runtime_connect_nats(service->name, &runtime->config, &runtime->nats, error);
    if (status == STATUS_OK && service->start != NULL)
        status = service->start(&runtime->config, &runtime->context, error);
    if (status == STATUS_OK)
        status = start_relay(runtime, error);
    if (status == STATUS_OK)
        status = start_consumers(runtime, error);
    if (status == STATUS_OK)
        status = start_periodics(runtime, error);
    if (status == STATUS_OK)
        status = start_workers(runtime, error);
    if (status == STATUS_OK)
        status = start_discarded(runtime, error);
    if (status == STATUS_OK)
        status = start_replica(runtime, error);
    if (status != STATUS_OK)
        return status;
    const struct micro_options options = {
        .nats = runtime->nats,
        .service = service,
        .database_url = service->schema != NULL ? runtime->config.database_url : NULL,
        .replica = runtime->replica,
        .version = ordermesh_version,
        .context = runtime->context,
        .is_ready = is_all_ready,
        .is_ready_closure = runtime,
        .committed = on_committed,
        .committed_closure = runtime->relay,
    };
    return micro_create(&options, &runtime->micro, error);
}

/* --- end -------------------------------------------------------------------------------------- */

/* Consumers and workers may still write to the outbox. */
static bool writers_are_stopped(const struct runtime *runtime) {
    for (size_t i = 0; i < runtime->service->consumer_count; i++) {
        if (!consumer_is_stopped(runtime->consumers[i]))
            return false;
    }
    for (size_t i = 0; i < runtime->service->worker_count; i++) {
        if (!worker_is_stopped(runtime->workers[i]))
            return false;
    }
    return true;
}

/* Waits for the drain's next step; a second signal or the time limit ends the process:
   unacknowledged messages are delivered again. */
static void wait_stopped(struct runtime *runtime, bool waits_for_relay, int64_t deadline_us) {
    while (!(waits_for_relay ? relay_is_stopped(runtime->relay) : writers_are_stopped(runtime))) {
        bool is_late = clock_monotonic_us() > deadline_us;
        if (is_late || wait_signal_ms(STOP_POLL_MS)) {
            log_warn(is_late ? "the drain took too long; leaving" : "told again; leaving");
            _exit(1);
        }
    }
}

static void drain(struct runtime *runtime) {
    int64_t deadline_us = clock_monotonic_us() + runtime->config.drain_ms * 1000;
    atomic_store(&runtime->phase, PHASE_DRAINING);
    log_info("draining");
    for (size_t i = 0; i < runtime->service->consumer_count; i++)
        consumer_drain(runtime->consumers[i]);
    drain_workers(runtime);
    stop_periodics(runtime);
    wait_stopped(runtime, false, deadline_us);
    if (runtime->relay != NULL) {
        relay_drain(runtime->relay);
        wait_stopped(runtime, true, deadline_us);
    }
}

static void destroy_all(struct runtime *runtime) {
    micro_destroy(&runtime->micro);
    admin_stop(&runtime->admin);
    replica_watch_stop(&runtime->replica);
    stop_periodics(runtime);
    free(runtime->periodics);
    for (size_t i = 0; runtime->consumers != NULL && i < runtime->service->consumer_count; i++)
        consumer_destroy(&runtime->consumers[i]);
    free(runtime->consumers);
    destroy_workers(runtime);
    worker_destroy(&runtime->discarded);
    relay_destroy(&runtime->relay);
    if (runtime->service->stop != NULL && runtime->context != NULL)
        runtime->service->stop(runtime->context);
    nats_client_destroy(&runtime->nats);
    span_exporter_stop();
}

/* --- what a service is ------------------------------------------------------------------------ */

static void describe_consumer(const struct consumer_spec *spec, struct json_writer *w) {
    json_begin_object(w);
    json_put_text(w, "stream", spec->stream);
    json_put_text(w, "durable", spec->durable);
    json_key(w, "types");
    json_begin_array(w);
    for (size_t i = 0; i < spec->row_count; i++)
        json_string(w, slice_of(event_info(spec->rows[i].type)->type));
    json_end_array(w);
    json_end_object(w);
}

static void describe(const struct service *service, struct json_writer *w) {
    json_begin_object(w);
    json_put_text(w, "name", service->name);
    json_put_text(w, "description", service->description);
    if (service->schema != NULL)
        json_put_text(w, "schema", service->schema);
    json_key(w, "consumers");
    json_begin_array(w);
    for (size_t i = 0; i < service->consumer_count; i++) {
        if (!consumer_spec_is_raw(&service->consumers[i])) /* else it reads no events */
            describe_consumer(&service->consumers[i], w);
    }
    json_end_array(w);
    json_key(w, "endpoints");
    json_begin_array(w);
    for (size_t i = 0; i < service->endpoint_count; i++)
        json_string(w, slice_of(service->endpoints[i].subject));
    json_end_array(w);
    json_end_object(w);
}

static int print_description(const struct service *service) {
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    describe(service, &w);
    puts(out.ptr);
    buf_fini(&out);
    return 0;
}

/* Batches take and free memory by the megabyte. Without this, glibc gives it back to the kernel
   each time, and sweeps its fast bins at every large free. */
static void tune_malloc(void) {
    mallopt(M_MXFAST, 0);
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
}

int runtime_run(const struct service *service, int argc, char **argv) {
    struct runtime runtime = {.service = service};
    struct error error = {0};
    if (argc == 2 && strcmp(argv[1], "--describe") == 0)
        return print_description(service);
    tune_malloc();
    runtime_block_signals();
    int code = runtime_configure(service->name, service->description, service->config_rows,
                                 service->config_row_count, service->config_target, service->check,
                                 argc, argv, &runtime.config);
    if (code >= 0)
        return code;
    enum status status = start_all(&runtime, &error);
    if (status == STATUS_OK) {
        atomic_store(&runtime.phase, PHASE_RUNNING);
        log_info("started", LOG_TEXT("version", ordermesh_version));
        runtime_wait_signal();
        drain(&runtime);
        log_info("ended");
    } else if (status != STATUS_CLOSED) {
        log_error("cannot start", LOG_ERROR(&error));
    }
    destroy_all(&runtime);
    return status == STATUS_OK || status == STATUS_CLOSED ? 0 : 1;
}
