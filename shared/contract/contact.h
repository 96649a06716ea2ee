/* Who a customer is, and where: ids as identity providers issue them, and e-mail addresses and
   telephone numbers fit to be sent to and fit to be seen. The one rule of the gateway, which
   refuses others, and of the channels. Pure, thread safe. */
#ifndef OM_SHARED_CONTRACT_CONTACT_H
#define OM_SHARED_CONTRACT_CONTACT_H

#include "shared/base/buf.h"

/* A token's `sub`: 1 to 255 bytes, printable; blanks, slashes and quotes may be in
   it. So it is never part of a NATS subject. */
#define CUSTOMER_ID_MAX 255
bool customer_id_is_valid(struct slice id);
/* A Dot-string of at most 64 bytes, an @ and a Domain that does not end in a number (RFC 5321
   section 4.1.2), 254 bytes of ASCII at most: nothing that could leave its place in a mail's header
   or an SMTP command. Whether it exists is for its server to say. */
bool email_is_usable(struct slice address);
/* Appends "c***@example.com" for "c100@example.com". The address must be usable. */
void email_mask(struct slice address, struct buf *out);
/* Appends the number without its blanks and signs, "+49301" for "+49 (30) 1"; false, and appends
   nothing, when it has letters or not 3 to 15 digits (ITU-T E.164). */
bool phone_normalize(struct slice phone, struct buf *out);
bool phone_is_usable(struct slice phone);

#endif
