/*
 * The words of notices, from files: <directory>/<kind>.<channel>.txt with {{name}} where a value
 * stands. Names: order_id, kind, time, customer_id, email, phone, reason, carrier, tracking_number.
 *
 * Read and checked once; then immutable and thread safe. Values are escaped for where they stand,
 * the template's own text is taken as it is.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_TEMPLATE_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_TEMPLATE_H

#include "services/notification/channels/channel.h"
#include "shared/base/buf.h"

enum template_escape {
    ESCAPE_TEXT, /* one line of text: control characters become spaces */
    ESCAPE_JSON, /* inside a JSON string */
};

struct template_set;

/* All kinds of one channel. INVALID names the file that is missing, not UTF-8, empty, or has a name
   that is not known. */
enum status template_set_load(const char *directory, enum notify_channel channel,
                              enum template_escape escape, struct template_set **set,
                              struct error *error) MUST_CHECK;
void template_set_destroy(struct template_set **set);
/* Appends the text of the notice's kind. */
void template_render(const struct template_set *set, const struct notice *notice, struct buf *out);

/* Called with each kind's text for a made-up notice: a channel says here what a template of its own
   must be like. `error` then names the file. */
typedef enum status (*template_check_fn)(struct slice text, struct error *error);
enum status template_set_check(const struct template_set *set, template_check_fn check,
                               struct error *error) MUST_CHECK;

#endif
