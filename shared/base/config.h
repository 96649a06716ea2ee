/*
 * Configuration: one declared table for loading, --help, --check-config, docs and Kubernetes keys.
 *
 * Values come from the environment; an empty one counts as unset. A row whose name ends in _FILE
 * names a file. Every process has CONFIG_COMMON_ROWS and may add its own rows with their own
 * struct. Loaded once before threads start, read-only after; strings live as long as the process.
 */
#ifndef OM_SHARED_BASE_CONFIG_H
#define OM_SHARED_BASE_CONFIG_H

#include "shared/base/status.h"

#include <stddef.h>
#include <stdio.h>

/* An address is a text; one of IPv6 may stand in brackets, which are taken off. */
enum config_kind { CONFIG_TEXT, CONFIG_ADDRESS, CONFIG_INT, CONFIG_BOOL, CONFIG_SECRET };

struct config_row {
    const char *name; /* environment variable, OM_... */
    enum config_kind kind;
    size_t offset;        /* in the struct: const char * | int64_t | bool | const char * */
    const char *fallback; /* NULL: required */
    int64_t least, most;  /* CONFIG_INT only */
    const char *help;     /* one line, with the unit */
};

/* The settings of every process. */
struct config {
    const char *nats_url;
    const char *nats_user;
    const char *nats_password_file;
    const char *nats_tls_ca_file, *nats_tls_cert_file, *nats_tls_key_file;
    const char *database_url;      /* "" for the gateway */
    const char *database_read_url; /* "": there is no replica */
    const char *redis_url;         /* gateway only */
    const char *instance;          /* "" means host name and pid */
    const char *log_level;
    const char *otlp_url;        /* "": no spans */
    const char *admin_address;   /* listen address of healthz, readyz, metrics */
    int64_t admin_port;          /* 0 takes a free one */
    const char *admin_port_file; /* "" or where the chosen port is written */
    const char *pii_key_file;
    const char *pii_old_key_file;
    const char *notify_offered;
    int64_t batch_max;
    int64_t early_limit_s;
    int64_t relay_batch_max;
    int64_t relay_poll_ms;
    int64_t drain_ms;
};

extern const struct config_row config_common_rows[];
extern const size_t config_common_count;

/* Reads `rows` from the environment into `target`. INVALID names every wrong row on stderr. */
enum status config_load(const struct config_row *rows, size_t count, void *target,
                        struct error *error) MUST_CHECK;
/* The table as people read it: name, default, help. */
void config_print_help(const struct config_row *rows, size_t count, FILE *out);
/* A secret or key file's content without its trailing newline, malloc'ed (free()). */
enum status config_read_file(const char *path, char **content, size_t *length,
                             struct error *error) MUST_CHECK;

#endif
