/* E-mail addresses: fit to be sent to, and fit to be seen. Pure and thread safe. */
#ifndef OM_SERVICES_NOTIFICATION_ADDRESS_H
#define OM_SERVICES_NOTIFICATION_ADDRESS_H

#include "shared/buf.h"

/* Something, one @, something; nothing that could leave its place in a mail's header or an SMTP
   command. Whether it exists is for its server to say. */
bool address_is_usable(struct slice address);
/* Appends "c***@example.com" for "c100@example.com". The address must be usable. */
void address_mask(struct slice address, struct buf *out);

#endif
