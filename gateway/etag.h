/*
 * Entity tags made from a resource's version, and the conditions that requests set with them (RFC
 * 9110 sections 8.8.3 and 13.1). Our tags are strong: whoever changes a resource raises its
 * version. Pure but for the two that look at a request.
 */
#ifndef OM_GATEWAY_ETAG_H
#define OM_GATEWAY_ETAG_H

#include "shared/buf.h"

#include <h2o.h>

#define ETAG_SIZE 24 /* a quoted int64_t and the terminator */

/* `"7"` of a JSON object with "version":7. False and "" when it has none. */
bool etag_of(struct slice json, char tag[ETAG_SIZE]);

enum etag_condition {
    ETAG_UNASKED, /* no such header */
    ETAG_MATCHES,
    ETAG_DIFFERS,
    ETAG_MALFORMED, /* neither `*` nor a list of tags */
};

/* Strong: a weak tag matches nothing (If-Match). Weak: the tags' texts count (If-None-Match). */
enum etag_comparison { ETAG_STRONG, ETAG_WEAK };

/* Looks for `tag` in a header's value. `*` matches every tag; "" stands for a resource whose
   version is not known, which only `*` matches. */
enum etag_condition etag_compare(struct slice list, const char *tag,
                                 enum etag_comparison comparison);

/* If-None-Match names the tag: 304 is the answer. A malformed header counts for nothing. */
bool etag_is_known(const h2o_req_t *req, const char *tag);
enum etag_condition etag_if_match(const h2o_req_t *req, const char *tag);

#endif
