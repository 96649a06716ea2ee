/*
 * The simulator's HTTP server: one h2o loop on the thread that runs it, since the ledger has one
 * writer. IPv4 only, HTTP/1.1 only.
 */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_SERVER_H
#define OM_SERVICES_PAYMENT_SIMULATOR_SERVER_H

#include "services/payment/simulator/api.h"

#include <signal.h>

struct server_options {
    const char *address;
    int64_t port;          /* 0 takes a free one */
    const char *port_file; /* "" or where the port taken is written */
    struct api *api;
};

/* Serves until *stopping is set; returns why it could not. Once a process. */
enum status server_run(const struct server_options *options, const volatile sig_atomic_t *stopping,
                       struct error *error) MUST_CHECK;

#endif
