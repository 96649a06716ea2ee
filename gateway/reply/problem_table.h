/*
 * Every problem the gateway answers with, once. From this table come the enum, the documents
 * (problem.c) and the pages that explain them (problem_pages.c).
 */
#ifndef OM_GATEWAY_REPLY_PROBLEM_TABLE_H
#define OM_GATEWAY_REPLY_PROBLEM_TABLE_H

/* id, name (its type is PROBLEM_TYPE_PREFIX and this), HTTP status, Retry-After in seconds (0:
   none), title, what happened, what to do. The last two are plain text. */
#define PROBLEM_TABLE(X)                                                                           \
    X(MALFORMED_REQUEST, "malformed-request", 400, 0, "The request is malformed",                  \
      "The bytes that arrived are not one well-formed HTTP/1.1 request, or could be read in more " \
      "than one way, or headers are not what they may be. Where it is uncertain what the next "    \
      "request would be, the connection was closed.",                                              \
      "Send exactly one Host header and at most one of Content-Length and Transfer-Encoding. "     \
      "The document's detail names the fault. A proxy in between may have caused it.")             \
    X(INVALID_JSON, "invalid-json", 400, 0, "The body is not one strict JSON object",              \
      "The body could not be read as a single JSON object in UTF-8.",                              \
      "Send one object and nothing behind it: no comments, no trailing commas, no member twice, "  \
      "no NaN, no byte order mark.")                                                               \
    X(INVALID_KEY, "invalid-idempotency-key", 400, 0, "The Idempotency-Key is malformed",          \
      "The Idempotency-Key header came twice, or its value is no key.",                            \
      "Send the header once, with 1 to 255 printable characters between quotes, such as "          \
      "\"4f1c-retry-safe\".")                                                                      \
    X(MISSING_KEY, "missing-idempotency-key", 400, 0, "An Idempotency-Key is required",            \
      "This request would do something twice if it were repeated, so it needs a key.",             \
      "Make up a new random key for each thing to be done, and send the same key when repeating "  \
      "the request after a failure.")                                                              \
    X(INVALID_QUERY, "invalid-query", 400, 0, "The query has invalid parameters",                  \
      "A parameter behind the question mark is unknown, repeated, or has no valid value.",         \
      "Correct the parameters that the document names. A cursor only goes with the filter it "     \
      "came with.")                                                                                \
    X(INVALID_SIGNATURE, "invalid-signature", 400, 0, "The webhook is not signed as it must be",   \
      "Stripe-Signature is missing, is of another secret or body, or is older than five minutes. " \
      "Nothing was done.",                                                                         \
      "Only Stripe sends here. Let OM_STRIPE_WEBHOOK_SECRET_FILE have the signing secret that "    \
      "Stripe's dashboard shows for this address, and set this machine's clock.")                  \
    X(UNAUTHORIZED, "unauthorized", 401, 0, "A valid token is required",                           \
      "There was no bearer token, or it was not accepted; WWW-Authenticate says why.",             \
      "Get a new token from whoever issues them to you and send it once, as Authorization: "       \
      "Bearer TOKEN.")                                                                             \
    X(FORBIDDEN, "forbidden", 403, 0, "This is not allowed",                                       \
      "Who is asking has no right to do this.",                                                    \
      "Ask with an account that has the right, or ask the operator for it.")                       \
    X(INSUFFICIENT_SCOPE, "insufficient-scope", 403, 0, "The token does not allow this",           \
      "The token is valid, but lacks the scope that WWW-Authenticate names.",                      \
      "Ask for a token with that scope, or for somebody who has one.")                             \
    X(NOT_FOUND, "not-found", 404, 0, "There is nothing here",                                     \
      "Nothing is known under this address, or it belongs to somebody else.",                      \
      "Check the address and the id. Addresses are taken as sent: %2F is not a slash.")            \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 405, 0, "The method is not allowed here",          \
      "The address exists, but not with this method.",                                             \
      "Use one of the methods that the Allow header lists.")                                       \
    X(REQUEST_TIMEOUT, "request-timeout", 408, 0, "The request did not arrive in time",            \
      "Its last byte had not come when the time for a request was up, and the connection was "     \
      "closed. Nothing was done.",                                                                 \
      "Send the request again at once over a new connection, and sooner whole: the network or a "  \
      "proxy in between may be slow.")                                                             \
    X(KEY_IN_FLIGHT, "idempotency-key-in-flight", 409, 1,                                          \
      "A request with this Idempotency-Key is still in flight",                                    \
      "The first request with this key has not been answered yet.",                                \
      "Wait as long as Retry-After says and send the same request again.")                         \
    X(VERSION_CONFLICT, "version-conflict", 409, 0, "The product is at another version",           \
      "The product was changed by somebody else at the same time.",                                \
      "Read the product again, apply the change to what it is now, and send that.")                \
    X(INSUFFICIENT_STOCK, "insufficient-stock", 409, 0, "The stock cannot be changed by so much",  \
      "After this adjustment less than nothing, or more than can be counted, would be left.",      \
      "Read what is available now and adjust by less.")                                            \
    X(PRECONDITION_FAILED, "precondition-failed", 412, 0, "The condition does not hold",           \
      "What is there now is not what If-Match or If-None-Match asks for.",                         \
      "Read it again, decide anew, and send the ETag that came with it.")                          \
    X(NOT_CANCELLABLE, "not-cancellable", 409, 0, "The order has ended and cannot be cancelled",   \
      "The order is completed or failed already.",                                                 \
      "Nothing needs to be done for a failed order: everything was given back. A completed one "   \
      "is on its way.")                                                                            \
    X(LINES_NOT_CANCELLABLE, "lines-not-cancellable", 409, 0, "These pieces cannot be cancelled",  \
      "The order has ended or has been shipped, it is being stopped, or fewer pieces are left.",   \
      "The detail says which. Read the order: its items say what is cancelled already. What has "  \
      "been sent can be sent back once the order is completed.")                                   \
    X(NOT_REFUNDABLE, "not-refundable", 409, 0, "So much cannot be given back",                    \
      "The order is not completed, nothing was taken for it, or less is left of what was taken "   \
      "than is to be given back.",                                                                 \
      "The detail says which. Read the order: its payment says what was taken and given back. "    \
      "An order that ends otherwise gives back everything by itself.")                             \
    X(NOT_RETURNABLE, "not-returnable", 409, 0, "These pieces cannot be sent back",                \
      "The order is not completed, it was completed too long ago, fewer pieces are left, or the "  \
      "return stands otherwise already.",                                                          \
      "The detail says which. Read the order's returns: they say what is announced and what has "  \
      "come.")                                                                                     \
    X(NOT_DEAD, "not-dead", 409, 0, "The dead letter cannot be acted on",                          \
      "It was replayed or discarded already.",                                                     \
      "Read it again: its status and history say what became of it.")                              \
    X(REPLAY_REFUSED, "replay-refused", 409, 0, "The dead letter cannot be replayed",              \
      "Its message cannot be published again: it is too large now, or was purged or has expired.", \
      "The detail says which. Discard it, or let the stream take larger messages.")                \
    X(TOO_MANY_WEBHOOKS, "too-many-webhooks", 409, 0,                                              \
      "The tenant has as many webhooks as it may have", "No webhook was made.",                    \
      "Delete one that is not needed any more, or let one receive more types of events.")          \
    X(WEBHOOK_OFF, "webhook-off", 409, 0, "The webhook is switched off",                           \
      "Nothing is sent to a webhook that is switched off.",                                        \
      "Read it: offReason says why. Switch it on with PATCH and enabled true, and ask again.")     \
    X(BODY_TOO_LARGE, "body-too-large", 413, 0, "The body is too large",                           \
      "The body has more than 256 KiB.", "Send less at once, such as an order with fewer items.")  \
    X(URI_TOO_LONG, "uri-too-long", 414, 0, "The request target is too long",                      \
      "The address has more than 2,048 bytes.", "Shorten the query.")                              \
    X(UNSUPPORTED_MEDIA, "unsupported-media-type", 415, 0,                                         \
      "The body must be sent once as plain application/json",                                      \
      "The body was not declared as JSON, or it is compressed.",                                   \
      "Send Content-Type: application/json once, and no Content-Encoding.")                        \
    X(EXPECTATION_FAILED, "expectation-failed", 417, 0, "The expectation cannot be met",           \
      "The Expect header asks for something unknown here.",                                        \
      "Leave the header out, or send Expect: 100-continue.")                                       \
    X(INVALID_ORDER, "invalid-order", 422, 0, "The order has invalid fields",                      \
      "The body is JSON, but no valid order.",                                                     \
      "The document's errors name each field and what is wrong with it. Correct them and send "    \
      "the order again; the same Idempotency-Key may be used.")                                    \
    X(INVALID_PRODUCT, "invalid-product", 422, 0, "The product has invalid fields",                \
      "The body is JSON, but no valid product.",                                                   \
      "The document's errors name each field and what is wrong with it.")                          \
    X(INVALID_ADJUSTMENT, "invalid-adjustment", 422, 0, "The adjustment has invalid fields",       \
      "The body is JSON, but no valid stock adjustment.",                                          \
      "The document's errors name each field and what is wrong with it.")                          \
    X(INVALID_REFUND, "invalid-refund", 422, 0, "The refund has invalid fields",                   \
      "The body is JSON, but no valid refund.",                                                    \
      "The document's errors name each field and what is wrong with it.")                          \
    X(INVALID_CANCELLATION, "invalid-cancellation", 422, 0, "The cancellation has invalid fields", \
      "The body is JSON with items, but not what cancels pieces of an order.",                     \
      "The document's errors name each field and what is wrong with it. Without a body all of "    \
      "the order is cancelled.")                                                                   \
    X(INVALID_RETURN, "invalid-return", 422, 0, "The return has invalid fields",                   \
      "The body is JSON, but not what this request takes.",                                        \
      "The document's errors name each field and what is wrong with it.")                          \
    X(INVALID_DLQ_REQUEST, "invalid-dlq-request", 422, 0,                                          \
      "The request about dead letters has invalid fields",                                         \
      "The body is JSON, but not what this action takes.",                                         \
      "The document's errors name each field and what is wrong with it.")                          \
    X(INVALID_WEBHOOK, "invalid-webhook", 422, 0, "The webhook has invalid fields",                \
      "The body is JSON, but no valid webhook.",                                                   \
      "The document's errors name each field and what is wrong with it.")                          \
    X(KEY_REUSED, "idempotency-key-reused", 422, 0,                                                \
      "The Idempotency-Key was used with another body",                                            \
      "The key stands for another request, made within the last 24 hours. This one had no "        \
      "effect.",                                                                                   \
      "Use a new key for a new order. To repeat an order, send exactly the same body.")            \
    X(RATE_LIMITED, "rate-limited", 429, 0, "Too many requests; please slow down",                 \
      "More requests came from this caller or address than its quota allows. Nothing was done.",   \
      "Wait as long as Retry-After says. The RateLimit header of every answer tells how many "     \
      "requests are left.")                                                                        \
    X(HEADERS_TOO_LARGE, "headers-too-large", 431, 0, "The request's headers are too large",       \
      "The request line and the headers have more than 16 KiB, or there are more than 100 "        \
      "headers.",                                                                                  \
      "Send fewer or shorter headers; large cookies are the usual cause.")                         \
    X(INTERNAL, "internal", 500, 0, "The request could not be answered",                           \
      "Something failed that should not have.",                                                    \
      "Send the request again later, with the same Idempotency-Key. If it stays like this, tell "  \
      "the operator when it happened.")                                                            \
    X(UNAVAILABLE, "unavailable", 503, 1, "A part of the system is away; please try again",        \
      "A part of the system that this request needs cannot be reached. Nothing was done.",         \
      "Wait as long as Retry-After says and send the same request again.")                         \
    X(OVERLOADED, "overloaded", 503, 1, "Too many requests are in flight; please try again",       \
      "There is more to do at the moment than can be done. Nothing was done.",                     \
      "Wait as long as Retry-After says and send the same request again; wait longer each time.")  \
    X(NOT_CONFIRMED, "not-confirmed", 503, 1, "The answer did not come in time; please try again", \
      "The request was passed on, but no confirmation came back in time. It may have taken "       \
      "effect.",                                                                                   \
      "Send exactly the same request with the same Idempotency-Key again: it takes effect once. "  \
      "Without a key, look first whether it has.")                                                 \
    X(VERSION_NOT_SUPPORTED, "http-version-not-supported", 505, 0,                                 \
      "This version of HTTP is not supported",                                                     \
      "The request line names another major version of HTTP than 1. Nothing was done.",            \
      "Send the request as HTTP/1.1.")

#endif
