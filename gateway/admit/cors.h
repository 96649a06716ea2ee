/*
 * What browsers let pages of other sites do with the API (Fetch, "CORS protocol"): those of
 * OM_CORS_ORIGINS may ask anything and read the answers, with a token where one is needed; cookies
 * are not used. By default there are none.
 *
 * The first two are pure; the others run on the request's loop thread.
 */
#ifndef OM_GATEWAY_ADMIT_CORS_H
#define OM_GATEWAY_ADMIT_CORS_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

#include <h2o.h>

#define CORS_ORIGINS_MOST 32

struct cors {
    struct slice origins[CORS_ORIGINS_MOST]; /* borrowed from the setting */
    size_t count;
    bool is_any;
};

/* "https://shop.example, http://localhost:5173"; "*" is any, and empty none. */
enum status cors_parse(const char *text, struct cors *cors, struct error *error) MUST_CHECK;
/* Whether pages of that origin, as a browser writes it, may use the API. */
bool cors_welcomes(const struct cors *cors, struct slice origin);

/* Whether the request comes from such a page. */
bool cors_is_welcome(const h2o_req_t *req);
/* Adds the headers by which such a page may read the answer, whatever that is. */
void cors_tell(h2o_req_t *req);
/* Answers a browser's question whether such a page may send a request, where that is what the
   request is. `allow` lists the methods that the path has. */
bool cors_answer_preflight(h2o_req_t *req, const char *allow);

#endif
