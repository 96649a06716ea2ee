/* om-provider-sim: a payment provider that speaks Stripe's API, keeps a ledger and fails on demand.
   For development and tests. */
#include "services/payment/simulator/server.h"
#include "shared/base/config.h"
#include "shared/base/version.h"
#include "shared/observe/log.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct settings {
    const char *address;
    int64_t port;
    const char *port_file;
    const char *ledger_file;
    int64_t slow_ms;
    const char *url, *webhook_url, *webhook_secret_file;
};

#define AT(member) offsetof(struct settings, member)

static const struct config_row rows[] = {
    {"OM_SIM_HTTP_ADDRESS", CONFIG_ADDRESS, AT(address), "127.0.0.1", 0, 0, "address to listen on"},
    {"OM_SIM_HTTP_PORT", CONFIG_INT, AT(port), "12111", 0, 65535, "port; 0 takes a free one"},
    {"OM_SIM_PORT_FILE", CONFIG_TEXT, AT(port_file), "", 0, 0,
     "file the port taken is written to; empty writes none"},
    {"OM_SIM_LEDGER_FILE", CONFIG_TEXT, AT(ledger_file), NULL, 0, 0,
     "file of all charges and refunds; kept and read again at the next start"},
    {"OM_SIM_SLOW_MS", CONFIG_INT, AT(slow_ms), "3000", 1, 600000,
     "how late a slow answer is, in milliseconds"},
    {"OM_SIM_URL", CONFIG_TEXT, AT(url), "", 0, 0,
     "address of this provider for customers who confirm a payment; empty: on 127.0.0.1"},
    {"OM_SIM_WEBHOOK_URL", CONFIG_TEXT, AT(webhook_url), "", 0, 0,
     "where webhooks go, such as a gateway's /api/v1/stripe/webhook; empty: nowhere"},
    {"OM_SIM_WEBHOOK_SECRET_FILE", CONFIG_TEXT, AT(webhook_secret_file), "", 0, 0,
     "file with the secret that webhooks are signed with"},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void handle_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void print_help(void) {
    printf("om-provider-sim: a payment provider for development and tests\n\n"
           "usage: om-provider-sim [--help | --version | --check-config]\n\n"
           "Configuration comes from the environment.\n\n");
    config_print_help(rows, ROW_COUNT, stdout);
}

/* The exit code of an option, or -1 to go on. */
static int run_option(const char *option) {
    if (strcmp(option, "--help") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(option, "--version") == 0) {
        printf("om-provider-sim %s\n", ordermesh_version);
        return 0;
    }
    if (option[0] != '\0' && strcmp(option, "--check-config") != 0) {
        fprintf(stderr, "om-provider-sim: unknown argument; see --help\n");
        return 2;
    }
    return -1;
}

static enum status run(const struct settings *settings, struct error *error) {
    struct api api = {.slow_ms = settings->slow_ms, .url = settings->url};
    enum status status = STATUS_OK;
    if (settings->webhook_url[0] != '\0')
        status =
            hooks_create(settings->webhook_url, settings->webhook_secret_file, &api.hooks, error);
    if (status == STATUS_OK)
        status = book_open(settings->ledger_file, &api.book, error);
    if (status != STATUS_OK) {
        hooks_destroy(&api.hooks);
        return status;
    }
    api.faults = faults_create();
    const struct server_options options = {settings->address, settings->port, settings->port_file,
                                           &api};
    status = server_run(&options, &stopping, error);
    hooks_destroy(&api.hooks);
    faults_destroy(&api.faults);
    book_close(&api.book);
    return status;
}

int main(int argc, char **argv) {
    static struct settings settings;
    struct error error = {0};
    int code = run_option(argc > 1 ? argv[1] : "");
    if (code >= 0)
        return code;
    if (config_load(rows, ROW_COUNT, &settings, &error) != STATUS_OK) {
        fprintf(stderr, "om-provider-sim: configuration: %s\n", error.text);
        return 2;
    }
    if (argc > 1) {
        printf("om-provider-sim: the configuration is right\n");
        return 0;
    }
    handle_signals();
    log_init("provider-sim", "1", LOG_LEVEL_INFO);
    if (run(&settings, &error) == STATUS_OK)
        return 0;
    log_error("cannot serve", LOG_ERROR(&error));
    return 1;
}
