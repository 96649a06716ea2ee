/*
 * A dead letter as somebody edits it: lines of comment, a line a header, an empty line, the body.
 *
 *     # ORDERS.payment.0193a1b2-...: rejected, data.items: missing
 *     Content-Type: application/cloudevents+json
 *
 *     {
 *       "id": "0193a1b2-...",
 *
 * A body that is JSON is laid out for people, and compared and sent without that. Pure.
 */
#ifndef OM_OMCTL_DLQ_EDIT_TEXT_H
#define OM_OMCTL_DLQ_EDIT_TEXT_H

#include "shared/base/buf.h"
#include "shared/json/json.h"

/* `entry` is an answer of mesh.dlq.get with "headers" and "body". Headers that cannot be edited are
   left out. */
void edit_text_write(struct json_object *entry, struct buf *out);

/* Sets *headers to those that were changed, {name: [values]}, an empty list for one that was left
   out, NULL when none was; appends the body to `body` if that was changed. INVALID: a line is no
   header. Caller puts *headers. */
enum status edit_text_read(struct slice text, struct json_object *entry,
                           struct json_object **headers, struct buf *body,
                           struct error *error) MUST_CHECK;

/* Adds `NAME: VALUE` to {name: [values]}. INVALID when it is none. */
enum status edit_text_add_header(struct slice line, struct json_object *headers,
                                 struct error *error) MUST_CHECK;

#endif
