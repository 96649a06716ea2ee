/*
 * Shared by omctl's subcommands: their configuration, their exit codes and the reading of their
 * arguments.
 *
 * A subcommand is a function of its arguments, declared by its own header and listed in main.c. It
 * prints what it did on stdout, errors on stderr, and returns an exit code. Single-threaded; all of
 * them block.
 */
#ifndef OM_OMCTL_COMMAND_COMMAND_H
#define OM_OMCTL_COMMAND_COMMAND_H

#include "shared/base/buf.h"
#include "shared/base/status.h"
#include "shared/crypto/uuid.h"
#include "shared/nats/nats_client.h"
#include "shared/pg/pg.h"

struct omctl_config {
    const char *database_url; /* a role that owns the schemas */
    const char *nats_url;     /* may carry user:password@ */
    const char *nats_user;
    const char *nats_password_file;
    const char *nats_store; /* "9GB"; empty: unknown */
    const char *nats_tls_ca_file, *nats_tls_cert_file, *nats_tls_key_file;
    int64_t return_days; /* 0: without a limit */
};

enum command_exit {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1, /* or, for --check: there is something to do */
    COMMAND_USAGE = 2,
};

/* The values of an option that may be given often. */
struct command_values {
    const char *items[32];
    size_t count;
};

/* A long option: one that takes an argument, where `value` or `values` is set, else a flag. One
   without a name is the word, such as an id, that stands before, between or behind the others. */
struct command_option {
    const char *name; /* "--dir" */
    const char **value;
    bool *flag;
    struct command_values *values;
};

typedef int (*command_fn)(const struct omctl_config *config, int argc, char **argv);

/* Reads argv (without the command's words) into the options: `--name value`, `--name=value` and
   flags. INVALID names the argument nobody knows. */
enum status command_parse(const struct command_option *options, size_t count, int argc, char **argv,
                          struct error *error) MUST_CHECK;
/* INVALID names `word`, which is no order's id; NULL: none was given. */
enum status command_order_id(const char *word, struct uuid *id, struct error *error) MUST_CHECK;
/* Prints `doing: why` on stderr and returns the exit code of a failure. */
int command_failed(const char *doing, const struct error *error);
/* The program's exit code: a failure also when not all that was to be on stdout got there. */
int command_end(int code);
/* The database of OM_DATABASE_URL, connected; INVALID when it is not configured. */
enum status command_open_database(const struct omctl_config *config, struct pg **pg,
                                  struct error *error) MUST_CHECK;
enum status command_open_nats(const struct omctl_config *config, struct nats_client **nats,
                              struct error *error) MUST_CHECK;

/* The same, but tried again for `wait_us` at most, about once a second, while the server is not
   there or does not let us in yet; each time stderr says why. */
enum status command_await_database(const struct omctl_config *config, int64_t wait_us,
                                   struct pg **pg, struct error *error) MUST_CHECK;
enum status command_await_nats(const struct omctl_config *config, int64_t wait_us,
                               struct nats_client **nats, struct error *error) MUST_CHECK;

/* The whole file, byte for byte, appended to *content; NOT_FOUND says why it cannot be read. */
enum status command_read_file(const char *path, struct buf *content,
                              struct error *error) MUST_CHECK;

/* "250ms", "2s", "15m", "1h", "7d" as microseconds: a positive whole number and its unit. */
enum status duration_parse(const char *text, int64_t *duration_us, struct error *error) MUST_CHECK;
/* The value of --since: an RFC 3339 time, or a duration: that long ago. */
enum status since_parse(const char *text, int64_t *since_us, struct error *error) MUST_CHECK;

#endif
