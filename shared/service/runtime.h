/*
 * A process from its arguments to its exit: configuration, logs, NATS, consumers, relay, endpoints,
 * the admin port, readiness and the graceful end.
 *
 * SIGTERM or SIGINT: not ready, stop fetching, finish the batches, let the relay empty, leave
 * within OM_DRAIN_MS. A second signal leaves at once.
 */
#ifndef OM_SHARED_SERVICE_RUNTIME_H
#define OM_SHARED_SERVICE_RUNTIME_H

#include "shared/base/config.h"
#include "shared/service/service.h"

/* Runs `service` until it is told to end. Understands --help, --version, --check-config, and
   --describe: what the service is, as JSON with name, description, schema, consumers and endpoints.
   Returns the exit code: 0 ended as told, 1 failed, 2 wrong configuration or usage. */
int runtime_run(const struct service *service, int argc, char **argv);

/* The parts the gateway shares. `rows` are its own configuration; `check` (may be NULL) judges what
   no row alone can, also for --check-config. Returns -1 to go on, or an exit code (--help and the
   like). */
typedef enum status (*config_check_fn)(const struct config *config, struct error *error);
int runtime_configure(const char *name, const char *description, const struct config_row *rows,
                      size_t count, void *target, config_check_fn check, int argc, char **argv,
                      struct config *config);
/* Spans go to config->otlp_url from here on; ends with span_exporter_stop(). */
enum status runtime_start_spans(const char *name, const struct config *config,
                                struct error *error) MUST_CHECK;
/* Waits for a broker that is not there yet; CLOSED when SIGTERM or SIGINT comes first. */
enum status runtime_connect_nats(const char *name, const struct config *config,
                                 struct nats_client **nats, struct error *error) MUST_CHECK;
/* Why the process is not ready yet: it is starting, or waits for that broker. Any thread. */
void runtime_say_starting(struct error *why);
/* Blocks until SIGTERM or SIGINT; call runtime_block_signals() before any thread starts. */
void runtime_block_signals(void);
void runtime_wait_signal(void);

#endif
