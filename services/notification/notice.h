/* Reads the notice out of an event, and the personal data that customer_keys.h opens. */
#ifndef OM_SERVICES_NOTIFICATION_NOTICE_H
#define OM_SERVICES_NOTIFICATION_NOTICE_H

#include "services/notification/channels/channel.h"
#include "shared/base/arena.h"
#include "shared/contract/event.h"

/* Personal data stays sealed, and the notice has no addresses. INVALID when the event is not whole.
 */
enum status notice_read(const struct event *event, struct arena *arena, struct notice *notice,
                        struct error *error) MUST_CHECK;
/* Adds what was sealed. */
enum status notice_read_personal(struct notice *notice, struct slice plain, struct arena *arena,
                                 struct error *error) MUST_CHECK;

#endif
