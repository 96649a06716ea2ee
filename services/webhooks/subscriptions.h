/*
 * Webhooks as their tenant manages them: the table webhooks.endpoints. A tenant's webhook is not
 * there for another. Replies are JSON, appended on success. Blocks as pg_query() does.
 */
#ifndef OM_SERVICES_WEBHOOKS_SUBSCRIPTIONS_H
#define OM_SERVICES_WEBHOOKS_SUBSCRIPTIONS_H

#include "services/webhooks/settings.h"
#include "shared/json/json.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

/* Borrows. */
struct webhook_key {
    struct uuid id;
    struct slice tenant;
};

/* What is to be written; of a change, members that are not there stay as they are. */
struct webhook_wish {
    struct slice url;            /* empty: not there */
    struct pg_array event_types; /* empty: not there */
    bool has_description;
    struct slice description;
    bool has_enabled, is_enabled;
};

/* Replies with the webhook and its secret. One with this id that is as wished for, made within the
   last day, is answered the same. CONFLICT: the tenant has as many as it may have. INVALID: the id
   is of another one. */
enum status subscriptions_create(const struct webhooks *webhooks, struct pg *pg,
                                 const struct webhook_key *key, struct webhook_wish *wish,
                                 struct buf *reply, struct error *error) MUST_CHECK;
enum status subscriptions_list(struct pg *pg, struct slice tenant, struct buf *reply,
                               struct error *error) MUST_CHECK;
/* NOT_FOUND, as all that follow. */
enum status subscriptions_get(struct pg *pg, const struct webhook_key *key, struct buf *reply,
                              struct error *error) MUST_CHECK;
/* One that is switched on goes on with what waits for it. */
enum status subscriptions_change(struct pg *pg, const struct webhook_key *key,
                                 struct webhook_wish *wish, struct buf *reply,
                                 struct error *error) MUST_CHECK;
/* With its deliveries. UNAVAILABLE where they are so many that it takes another request; meanwhile
   it is switched off. */
enum status subscriptions_delete(struct pg *pg, const struct webhook_key *key,
                                 struct error *error) MUST_CHECK;

#endif
