/*
 * Content codings of answers (RFC 9110 section 12.5.3): gzip where the client prefers it, or none.
 * Nothing is refused for its coding, since an answer as it is suits every client. Loop thread.
 */
#ifndef OM_GATEWAY_REPLY_CODING_H
#define OM_GATEWAY_REPLY_CODING_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* What Accept-Encoding says, in thousandths. */
struct coding_weights {
    int gzip, identity, others; /* CODING_UNNAMED: nothing is said of it */
};

enum { CODING_UNNAMED = -1 };

/* Adds a header's value; of a coding that is there twice the last counts. False, when it is no such
   list. Pure, as is the next. */
bool coding_read(struct slice list, struct coding_weights *weights);
bool coding_prefers_gzip(const struct coding_weights *weights);

/* Whether the request's answer is to come in gzip. */
bool coding_is_gzip(const h2o_req_t *req);

/* Says that the answer comes in gzip, or would to another client. */
void coding_tell_vary(h2o_req_t *req);
void coding_tell_gzip(h2o_req_t *req);

/* `plain` in gzip, in the request's memory. False if it would not be smaller. It takes 60 us and 6
   for each kB. */
bool coding_pack(h2o_req_t *req, struct slice plain, struct slice *packed);

#endif
