#include "gateway/reply/resource.h"

#include "gateway/reply/answer.h"
#include "gateway/reply/etag.h"
#include "gateway/reply/problem.h"

void resource_send(h2o_req_t *req, struct slice json) {
    char tag[ETAG_SIZE];
    bool has_tag = etag_of(json, tag);
    enum etag_condition match = etag_if_match(req, tag);
    if (match == ETAG_MALFORMED) {
        problem_send(req, PROBLEM_MALFORMED_REQUEST, "If-Match must be * or a list of entity tags");
        return;
    }
    if (match == ETAG_DIFFERS) {
        problem_send(req, PROBLEM_PRECONDITION_FAILED, NULL);
        return;
    }
    if (has_tag)
        answer_header(req, "ETag", slice_of(tag));
    if (has_tag && etag_if_none_match(req, tag) == ETAG_MATCHES)
        answer_empty(req, 304);
    else
        answer_json(req, 200, json);
}
