/* E-mail addresses and telephone numbers: fit to be sent to, and fit to be seen. Pure, thread safe.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_ADDRESS_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_ADDRESS_H

#include "shared/base/buf.h"

/* Something, one @, something; nothing that could leave its place in a mail's header or an SMTP
   command. Whether it exists is for its server to say. */
bool address_is_usable(struct slice address);
/* Appends "c***@example.com" for "c100@example.com". The address must be usable. */
void address_mask(struct slice address, struct buf *out);
/* Appends the number without its blanks and signs, "+49301" for "+49 (30) 1"; false, and appends
   nothing, when it has letters or not 3 to 15 digits (ITU-T E.164). */
bool phone_normalize(struct slice phone, struct buf *out);

#endif
