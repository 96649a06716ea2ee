/*
 * A declared stream or consumer: its file's content and the API verbs that read and change it.
 *
 * Plain values, owned by the list; nothing blocks but the reading of files.
 */
#ifndef OM_OMCTL_INSTALL_RESOURCE_H
#define OM_OMCTL_INSTALL_RESOURCE_H

#include "shared/base/status.h"
#include "shared/json/json.h"

struct resource {
    char *label;  /* "stream ORDERS", "consumer ORDERS/order" */
    char *stream; /* of a consumer, else NULL */
    char *info_verb;
    char *create_verb;
    char *update_verb;
    char *pause_verb; /* of a consumer */
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
};

/* Reads <directory>/streams and <directory>/consumers. INVALID when a file is not JSON or does not
   say the name its file name says. */
enum status resources_read(const char *directory, const struct resource_overrides *overrides,
                           struct resources *resources, struct error *error) MUST_CHECK;
void resources_fini(struct resources *resources);

/* The request's body: `actual` (NULL: new) with the declared fields put over it. Caller frees. */
struct json_object *resource_request(const struct resource *resource, struct json_object *actual);
/* Whether a declared value is what the server has: absent is the same as empty or zero, arrays
   are sets, and of an object the declared members count (servers add metadata of their own). */
bool resource_values_agree(struct json_object *declared, struct json_object *actual);

/* Whether a value that no file declares is one that matters: it is set, and not as every server
   sets it by itself. */
bool resource_value_is_extra(const char *field, struct json_object *actual);

#endif
