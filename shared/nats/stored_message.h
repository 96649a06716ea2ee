/*
 * One message as a stream keeps it, read by the server's API ($JS.API.STREAM.MSG.GET) instead of a
 * subscription: so its headers are here byte for byte, in their order, and nothing acts on them.
 *
 * Owns its memory until stored_message_fini(). Thread safe on distinct messages.
 */
#ifndef OM_SHARED_NATS_STORED_MESSAGE_H
#define OM_SHARED_NATS_STORED_MESSAGE_H

#include "shared/base/buf.h"
#include "shared/json/json.h"
#include "shared/nats/request_batch.h"

struct stored_message {
    char *subject;
    uint64_t sequence;
    int64_t time_us;    /* when it was stored */
    struct buf headers; /* the block from "NATS/1.0" on; empty for none */
    struct buf body;
};

void stored_message_fini(struct stored_message *message);

/* Adds the request for message `sequence` of `stream`, for the first one on `subject` (which may
   have wildcards) from there on, or for the last one on `subject`. */
void stored_message_ask(struct request_batch *requests, struct slice stream, uint64_t sequence);
void stored_message_ask_next(struct request_batch *requests, struct slice stream, uint64_t sequence,
                             const char *subject);
void stored_message_ask_last(struct request_batch *requests, struct slice stream,
                             const char *subject);
/* Reads the answer. NOT_FOUND when there is no such message, or no such stream. */
enum status stored_message_parse(struct slice reply, struct stored_message *message,
                                 struct error *error) MUST_CHECK;

/* Reads an answer of the server's API: *root is the caller's. NOT_FOUND where it knows no such
   message, consumer or stream; UNAVAILABLE for all other errors, as of a server that starts. */
enum status api_parse(struct slice reply, struct json_object **root,
                      struct error *error) MUST_CHECK;

/* A header line. The value is all that follows the colon and one space. */
struct header {
    struct slice name;
    struct slice value;
};

/* Takes the next header from *rest, which begins as the whole block. False at its end. Lines that
   are no headers (the version line, one without a colon) are passed over. */
bool header_next(struct slice *rest, struct header *header);
/* The first one of that name, which is matched as the server does: by case. */
bool header_find(struct slice block, const char *name, struct slice *value);
bool header_has_prefix(const struct header *header, const char *prefix); /* in either case */
/* Adds it to a message, as <prefix><name>. */
natsStatus header_add(natsMsg *message, const char *prefix, struct slice name, struct slice value);

#endif
