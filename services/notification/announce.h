/* The result of a notice as an event: notification.sent or notification.failed. */
#ifndef OM_SERVICES_NOTIFICATION_ANNOUNCE_H
#define OM_SERVICES_NOTIFICATION_ANNOUNCE_H

#include "services/notification/store.h"

/* Adds {"orderId","kind","channel"} and, of a failure, "detail", and counts it. Notices of returns
   are only counted: the schemas of both events name the kinds there may be. */
void notification_announce(struct outbox *outbox, const struct event *cause,
                           const struct notice_record *record);

#endif
