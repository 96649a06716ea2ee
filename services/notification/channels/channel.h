/*
 * A way to tell a customer something: the log file, SMTP, a webhook, SMS.
 *
 * send() blocks until every notice has its result, and is never called inside a transaction. It may
 * be called from several threads. It returns UNAVAILABLE when the channel is down: the notice that
 * met the outage is then PUT_OFF and those not tried are UNTRIED.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_H

#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/contract/notify_channel.h"
#include "shared/crypto/uuid.h"

#include <stdatomic.h>

/* id, word */
#define NOTICE_KIND_TABLE(X)                                                                       \
    X(CONFIRMED, "confirmed")                                                                      \
    X(SHIPPED, "shipped")                                                                          \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(RETURNED, "returned")

enum notice_kind {
#define NOTICE_KIND_ENUM(id, word) NOTICE_KIND_##id,
    NOTICE_KIND_TABLE(NOTICE_KIND_ENUM)
#undef NOTICE_KIND_ENUM
        NOTICE_KIND_COUNT
};

enum notice_result {
    NOTICE_UNTRIED, /* the channel is down, or is to stop */
    NOTICE_SENT,
    NOTICE_FAILED,  /* for good: `detail` says why */
    NOTICE_PUT_OFF, /* this one, this time: `detail` says why */
    NOTICE_SKIPPED, /* has no address for this channel */
    NOTICE_ERASED,  /* nobody can open the address any more: `detail` says why */
};

/* The news of an event for its customer. Slices borrow from the event and its batch's arena. */
struct notice {
    struct uuid order_id;
    enum notice_kind kind;
    int64_t time_us;    /* of the event */
    unsigned wanted;    /* NOTIFY_BIT()s that the order asks for */
    bool has_wanted;    /* it says so; otherwise the configuration decides */
    struct slice email; /* in clear, as is the phone; may be empty */
    struct slice phone;
    struct slice customer_id, tenant;
    struct slice sealed;          /* personal data; may be empty */
    struct slice personal;        /* the same opened: JSON; empty until then */
    struct slice reason;          /* of FAILED and CANCELLED */
    struct slice carrier;         /* of SHIPPED */
    struct slice tracking_number; /* of SHIPPED */
    /* answered */
    enum notice_result result;
    char detail[120]; /* never personal data */
    int64_t wait_ms;  /* PUT_OFF: the receiver wants to be left alone so long; 0: it did not say */
    bool is_too_many; /* PUT_OFF: since there were too many before it, whatever it says */
};

const char *notice_kind_name(enum notice_kind kind);
bool notice_kind_parse(struct slice name, enum notice_kind *kind);
/* The notice's id for the receiving side, the same whenever it is sent again: "<order id>-<kind>".
   `text` has NOTICE_ID_SIZE bytes. */
#define NOTICE_ID_SIZE (UUID_TEXT_SIZE + 12)
void notice_id(const struct notice *notice, char *text);
void notice_fail(struct notice *notice, enum notice_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct channel {
    enum notify_channel id;
    enum status (*send)(struct channel *channel, struct notice *const *notices, size_t count,
                        struct error *error);
    void (*destroy)(struct channel *channel); /* frees it */
    atomic_bool is_stopping;                  /* send() tries no further notice */
};

void channel_destroy(struct channel **channel);

#endif
