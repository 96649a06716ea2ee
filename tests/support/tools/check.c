/* om-test-check: says whether the invariants hold, for scripts and benches. Exit code: 0 all hold,
   1 one does not, 2 wrong usage. */
#include "tests/support/check/checker.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define LOGS_MAX 64

static const char usage[] =
    "om-test-check --database-url URL --nats-url URL --nats-password-file FILE --log FILE...\n"
    "  --database-url URL         of a superuser\n"
    "  --nats-url URL             where the streams are\n"
    "  --nats-user NAME           (operator)\n"
    "  --nats-password-file FILE\n"
    "  --nats-ca-file FILE        who signs the servers' certificates, where they have some\n"
    "  --log FILE                 a load client's log; repeatable\n"
    "  --lost-messages            streams were purged or set back\n"
    "  --settle S                 look again for so long until all holds (30)\n"
    "  --seed N                   printed with the report\n";

enum option_id {
    OPTION_DATABASE_URL = 1,
    OPTION_NATS_URL,
    OPTION_NATS_USER,
    OPTION_NATS_PASSWORD_FILE,
    OPTION_NATS_CA_FILE,
    OPTION_LOG,
    OPTION_LOST_MESSAGES,
    OPTION_SETTLE,
    OPTION_SEED,
};

static const struct option long_options[] = {
    {"database-url", required_argument, NULL, OPTION_DATABASE_URL},
    {"nats-url", required_argument, NULL, OPTION_NATS_URL},
    {"nats-user", required_argument, NULL, OPTION_NATS_USER},
    {"nats-password-file", required_argument, NULL, OPTION_NATS_PASSWORD_FILE},
    {"nats-ca-file", required_argument, NULL, OPTION_NATS_CA_FILE},
    {"log", required_argument, NULL, OPTION_LOG},
    {"lost-messages", no_argument, NULL, OPTION_LOST_MESSAGES},
    {"settle", required_argument, NULL, OPTION_SETTLE},
    {"seed", required_argument, NULL, OPTION_SEED},
    {NULL, 0, NULL, 0},
};

static bool set_option(int id, struct checker_options *options, const char **logs,
                       size_t *log_count) {
    switch (id) {
    case OPTION_DATABASE_URL:
        options->database_url = optarg;
        return true;
    case OPTION_NATS_URL:
        options->nats_url = optarg;
        return true;
    case OPTION_NATS_USER:
        options->nats_user = optarg;
        return true;
    case OPTION_NATS_PASSWORD_FILE:
        options->nats_password_file = optarg;
        return true;
    case OPTION_NATS_CA_FILE:
        options->nats_ca_file = optarg;
        return true;
    case OPTION_LOG:
        logs[(*log_count)++] = optarg;
        return *log_count < LOGS_MAX;
    case OPTION_LOST_MESSAGES:
        options->has_lost_messages = true;
        return true;
    case OPTION_SETTLE:
        options->settle_ms = (int64_t)(strtod(optarg, NULL) * 1000);
        return true;
    case OPTION_SEED:
        options->seed = strtoull(optarg, NULL, 10);
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv) {
    const char *logs[LOGS_MAX + 1] = {NULL};
    size_t log_count = 0;
    struct checker_options options = {
        .nats_user = "operator", .logs = logs, .settle_ms = 30000, .seed = 1};
    struct buf report = {0};
    bool is_usable = true;
    int id;

    while (is_usable && (id = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        is_usable = set_option(id, &options, logs, &log_count);
    if (!is_usable || options.database_url == NULL || options.nats_url == NULL ||
        options.nats_password_file == NULL) {
        fputs(usage, stderr);
        return 2;
    }
    bool all_hold = checker_run(&options, &report);
    fwrite(report.ptr, 1, report.len, stdout);
    buf_fini(&report);
    return all_hold ? 0 : 1;
}
