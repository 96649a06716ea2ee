/*
 * Entity tags made from a resource's version, and the conditions that requests set with them (RFC
 * 9110 sections 8.8.3 and 13.1). Our tags are strong: each change of a resource raises its
 * version, and a product's stock, which moves without that, is part of its tag. Pure but for the
 * last, which look at a request.
 */
#ifndef OM_GATEWAY_REPLY_ETAG_H
#define OM_GATEWAY_REPLY_ETAG_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

#define ETAG_SIZE 48 /* two int64_t, what stands around them, and the terminator */

/* `"7"` of a JSON object with "version":7, `"7-40"` if it has "available":40, too. False and ""
   when it has no version. */
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

enum etag_condition etag_if_match(const h2o_req_t *req, const char *tag);
enum etag_condition etag_if_none_match(const h2o_req_t *req, const char *tag);

#endif
