/*
 * A way to tell a customer something: the log file always, SMTP when configured.
 *
 * send() blocks until every notice has its result and is never called inside a transaction. It may
 * be called from several threads. A channel that is down returns UNAVAILABLE and has then sent none
 * of the notices.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNEL_H
#define OM_SERVICES_NOTIFICATION_CHANNEL_H

#include "shared/buf.h"
#include "shared/status.h"
#include "shared/uuid.h"

/* id, word in the database, what the customer reads */
#define NOTICE_KIND_TABLE(X)                                                                       \
    X(CONFIRMED, "confirmed", "is confirmed")                                                      \
    X(SHIPPED, "shipped", "is on its way")                                                         \
    X(FAILED, "failed", "could not be completed")                                                  \
    X(CANCELLED, "cancelled", "is cancelled")

enum notice_kind {
#define NOTICE_KIND_ENUM(id, word, text) NOTICE_KIND_##id,
    NOTICE_KIND_TABLE(NOTICE_KIND_ENUM)
#undef NOTICE_KIND_ENUM
        NOTICE_KIND_COUNT
};

enum notice_result {
    NOTICE_SENT,
    NOTICE_FAILED,  /* for good: `detail` says why */
    NOTICE_PUT_OFF, /* this one, this time */
    NOTICE_SKIPPED, /* not for this channel */
};

struct notice {
    struct uuid order_id;
    enum notice_kind kind;
    struct slice email;           /* in clear; may be empty */
    struct slice reason;          /* of FAILED and CANCELLED */
    struct slice tracking_number; /* of SHIPPED */
    /* answered */
    enum notice_result result;
    char detail[120];
};

const char *notice_kind_name(enum notice_kind kind);
const char *notice_kind_text(enum notice_kind kind);
bool notice_kind_parse(struct slice name, enum notice_kind *kind);

struct channel {
    const char *name;
    enum status (*send)(struct channel *channel, struct notice *const *notices, size_t count,
                        struct error *error);
    void (*destroy)(struct channel *channel); /* frees it */
};

void channel_destroy(struct channel **channel);

#endif
