/* Reads the notice out of an event, and opens its personal data. */
#ifndef OM_SERVICES_NOTIFICATION_NOTICE_H
#define OM_SERVICES_NOTIFICATION_NOTICE_H

#include "services/notification/channels/channel.h"
#include "shared/base/arena.h"
#include "shared/contract/event.h"
#include "shared/crypto/crypto.h"

/* `ring` may be NULL: sealed data stays sealed, and the notice has no addresses. INVALID when the
   event is not whole or was tampered with. */
enum status notice_read(const struct event *event, const struct key_ring *ring, struct arena *arena,
                        struct notice *notice, struct error *error) MUST_CHECK;

#endif
