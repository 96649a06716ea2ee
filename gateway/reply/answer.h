/*
 * Sending an answer: every one has a Content-Length, so that the connection stays open, and caches
 * store only answers that they must ask about again each time. A long answer to GET without a tag
 * comes in gzip to who prefers that (coding.h). Loop thread of the request only; all that is given
 * is copied.
 */
#ifndef OM_GATEWAY_REPLY_ANSWER_H
#define OM_GATEWAY_REPLY_ANSWER_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* Add headers before sending. `name` is a literal. */
void answer_header(h2o_req_t *req, const char *name, struct slice value);
void answer_retry_after(h2o_req_t *req, int seconds);

/* `content_type` is a literal. HEAD gets the headers only. */
void answer_send(h2o_req_t *req, int status, const char *content_type, struct slice body);
void answer_json(h2o_req_t *req, int status, struct slice body);
/* 204 or 304, which have neither a body nor its length. */
void answer_empty(h2o_req_t *req, int status);

#endif
