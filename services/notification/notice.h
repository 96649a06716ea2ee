/* What an event has to say to its customer: read from the event, with personal data opened. */
#ifndef OM_SERVICES_NOTIFICATION_NOTICE_H
#define OM_SERVICES_NOTIFICATION_NOTICE_H

#include "services/notification/channels/channel.h"
#include "shared/base/arena.h"
#include "shared/base/crypto.h"
#include "shared/contract/event.h"

/* `ring` may be NULL: what is sealed stays so, and the notice has no addresses. INVALID when the
   event is not whole or was tampered with. */
enum status notice_read(const struct event *event, const struct key_ring *ring, struct arena *arena,
                        struct notice *notice, struct error *error) MUST_CHECK;

#endif
