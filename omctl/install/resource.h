/*
 * A declared stream or consumer: its file's content and the API verbs that read and change it. A
 * file is in the format of the NATS CLI, which passes over the one member of ours:
 *
 *     "since": {"2.12.0": {"allow_atomic": true}}
 *
 * Plain values, owned by the list; nothing blocks but the reading of files.
 */
#ifndef OM_OMCTL_INSTALL_RESOURCE_H
#define OM_OMCTL_INSTALL_RESOURCE_H

#include "shared/base/status.h"
#include "shared/json/json.h"
#include "shared/nats/nats_info.h"

struct resource {
    char *label;  /* "stream ORDERS", "consumer ORDERS/order" */
    char *stream; /* of a consumer, else NULL */
    char *info_verb;
    char *create_verb;
    char *update_verb;
    char *pause_verb, *delete_verb; /* of a consumer */
    struct json_object *declared;
};

struct resources {
    struct resource *items; /* streams first */
    size_t count;
};

/* An installation decides these over the files. */
struct resource_overrides {
    int64_t ack_wait_us; /* of all consumers; 0: as declared */
    int64_t replicas;    /* of all streams, and so of their consumers; 0: as declared */
    int64_t store_bytes; /* that a server has for all streams; 0: their limits are as declared */
};

/* Reads <directory>/streams and <directory>/consumers. INVALID when a file is not JSON or does not
   say the name its file name says. */
enum status resources_read(const char *directory, const struct resource_overrides *overrides,
                           struct resources *resources, struct error *error) MUST_CHECK;
/* Puts what a file's "since" says over its content, where the server has that version or a later
   one: an older one would drop it without a word, and the NATS CLI refuses to send it there. The
   version 0, unknown, is taken for the latest. Call it once. INVALID: a key is no version. */
enum status resources_fit(struct resources *resources, int version, struct error *error) MUST_CHECK;
void resources_fini(struct resources *resources);

/* A stream that may persist asynchronously takes no batches then, and has one copy for good, so
   none is made so where there may be more of them; which of the two it is, is settled when it is
   made. Leaves of both what holds for this one, by what the server has (`actual`, NULL: none yet).
   True when it keeps the other one for having been made so. */
bool resource_settle_persistence(struct resource *resource, struct json_object *actual,
                                 bool is_clustered);

/* The configuration that a server is asked for: `actual` (NULL: none yet) with `field`, or all
   where that is NULL, as declared. What is set by hand and declared nowhere is left out, so that
   the server takes its default. Caller frees. */
struct json_object *resource_wanted(const struct resource *resource, struct json_object *actual,
                                    const char *field);
/* The request's body with it. Caller frees. */
struct json_object *resource_request(const struct resource *resource, struct json_object *config);
/* Whether a declared value is what the server has: absent is the same as empty or zero, arrays
   are sets, and of an object the declared members count (servers add metadata of their own). */
bool resource_values_agree(struct json_object *declared, struct json_object *actual);

/* Whether the server's consumer passes over events that the declared one takes. With another filter
   it would go on behind them: only one made anew is given them. */
bool resource_passes_over(const struct resource *resource, struct json_object *actual);

/* Whose a field of what the server has is. */
enum field_owner {
    FIELD_FILES,     /* it is declared */
    FIELD_SERVERS,   /* not set, or as every server sets it by itself; a pause has its own verb */
    FIELD_OPERATORS, /* no file can know it: labels, and the places for replicas */
    FIELD_NOBODYS,   /* set by hand, and declared nowhere */
};
/* Of a `metadata`, which may have declared labels as well as others. Caller frees. */
struct json_object *resource_operators_labels(const struct resource *resource,
                                              struct json_object *actual);
enum field_owner resource_field_owner(const struct resource *resource, const char *field,
                                      struct json_object *actual);

#endif
