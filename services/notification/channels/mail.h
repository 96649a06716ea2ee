/* A notice as a mail (RFC 5322, MIME). Pure but for the clock given; thread safe. */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_MAIL_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_MAIL_H

#include "services/notification/channels/channel.h"
#include "shared/base/buf.h"

/* A mail's template: "Subject: ..." on the first line, an empty line, the body. */
enum status mail_check_text(struct slice text, struct error *error) MUST_CHECK;
/* Appends headers and body with CRLF line ends, the body as quoted-printable. `text` is the
   rendered template. The Message-ID is the same whenever the notice is sent again, so that mail
   readers show it once. */
void mail_write(struct buf *out, const struct notice *notice, struct slice text, const char *from,
                int64_t now_us);

#endif
