/*
 * What somebody changes in a dead letter's message before it is replayed, as the HTTP API, omctl
 * and the mesh's endpoint all say it:
 *
 *     {"body"?: text, "headers"?: {name: [values]}, "reason"}
 *
 * A header named has those values instead of its own, and none with an empty list; all others, and
 * a body that is not named, stay as they are. The body is an event, as everything in a stream: a
 * JSON object, under the id that the message had. Values only; thread safe; nothing blocks.
 */
#ifndef OM_SHARED_CONTRACT_DLQ_EDIT_H
#define OM_SHARED_CONTRACT_DLQ_EDIT_H

#include "shared/base/slice.h"
#include "shared/json/json.h"

#define DLQ_EDIT_BODY_MOST (64 * 1024)   /* bytes, as much as is shown of one */
#define DLQ_EDIT_HEADERS_MOST (8 * 1024) /* bytes of JSON */

/* Borrows from the object that it was read from. */
struct dlq_edit {
    bool is_given;
    struct slice body;           /* ptr NULL: the original's */
    struct json_object *headers; /* NULL: the original's */
    struct slice reason;
};

/* The members of an edit: "body", "headers", "reason", NULL. */
extern const char *const dlq_edit_members[];
/* Reads those of `root`; none of them is no edit. INVALID: "<member>: what is wrong with it". */
enum status dlq_edit_read(struct json_object *root, struct slice entry_id, struct dlq_edit *edit,
                          struct error *error) MUST_CHECK;
/* Adds the members given to the open object. */
void dlq_edit_write(const struct dlq_edit *edit, struct json_writer *w);

/* The headers as JSON, {} for none; the edit keeps the text. */
struct slice dlq_edit_headers(const struct dlq_edit *edit);
/* Appends what is changed and why, in a line for the audit. */
void dlq_edit_describe(const struct dlq_edit *edit, struct buf *out);

/* False for those that the server or we act on: Nats-, Dlq-, Om-Replay-. */
bool dlq_header_is_editable(struct slice name);

#endif
