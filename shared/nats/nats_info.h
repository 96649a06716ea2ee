/*
 * The INFO line with which a NATS server greets every connection, also one that will never
 * authenticate (https://docs.nats.io/reference/reference-protocols/nats-protocol#info). nats.c
 * reads it and does not tell.
 */
#ifndef OM_SHARED_NATS_NATS_INFO_H
#define OM_SHARED_NATS_NATS_INFO_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

/* Versions as numbers that compare. */
#define NATS_SERVER_VERSION(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))

/* "2.10.4" or "2.11.0-RC.1" as a number; 0 when it is no version. */
int nats_info_parse_version(struct slice text);
struct nats_info {
    int version;
    bool is_clustered;
};

/* What the server at `url` (scheme://host:port) says of itself. Connects, reads one line and hangs
   up; blocks up to `timeout_ms` for each of the two. */
enum status nats_info_ask(const char *url, int64_t timeout_ms, struct nats_info *info,
                          struct error *error) MUST_CHECK;

/* When the certificate ends that the server at `url` shows, in seconds since 1970; 0: it speaks
   without TLS. Blocks like nats_info_ask(). */
enum status nats_info_ask_certificate(const char *url, int64_t timeout_ms, int64_t *end_s,
                                      struct error *error) MUST_CHECK;

#endif
