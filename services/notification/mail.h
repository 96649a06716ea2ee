/* The text of a mail about an order (RFC 5322). Pure but for the clock; thread safe. */
#ifndef OM_SERVICES_NOTIFICATION_MAIL_H
#define OM_SERVICES_NOTIFICATION_MAIL_H

#include "services/notification/channel.h"

/* Appends headers and body with CRLF line ends. The Message-ID is the same whenever the notice is
   sent again, so that mail readers show it once. */
void mail_write(struct buf *out, const struct notice *notice, const char *from, int64_t now_us);

#endif
