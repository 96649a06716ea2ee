#include "services/webhooks/handler.h"

#include "services/webhooks/public_event.h"
#include "services/webhooks/settings.h"
#include "services/webhooks/store.h"

/* A batch's events as rows; both have room for every event. */
struct effects {
    struct new_delivery *deliveries, *ends;
    size_t delivery_count, end_count;
};

static struct slice make_body(const struct batch *batch, const struct event *event) {
    struct buf body = {0};
    public_event_write(event, &body);
    struct slice kept = arena_slice(batch->arena, buf_slice(&body));
    buf_fini(&body);
    return kept;
}

/* Empty, and the event rejected, when it names none, as a payment of a version before does. */
static struct slice tenant_of(struct delivery *delivery) {
    struct slice tenant = {"", 0};
    struct error error = {0};
    enum status status = json_tree_get_string(delivery->event.data, "tenant", &tenant, &error);
    bool may_lack = delivery->event.type == EVENT_PAYMENT_ACTION_REQUIRED;
    if ((status != STATUS_OK || tenant.len == 0) && !may_lack)
        delivery_reject(delivery, STATUS_INVALID, "tenant: missing or no text");
    return tenant;
}

static bool wants(const struct interests *interests, struct slice tenant, const char *name) {
    for (size_t i = 0; i < interests->count; i++) {
        const struct interest *interest = &interests->rows[i];
        if (slice_equal(interest->tenant, tenant) &&
            (slice_is(interest->name, name) || slice_is(interest->name, PUBLIC_EVENT_ALL)))
            return true;
    }
    return false;
}

static void add_event(const struct batch *batch, const struct event *event, struct slice tenant,
                      const struct interests *interests, struct effects *effects) {
    const char *name = public_event_name(event->type);
    bool is_refundable = event->type == EVENT_ORDER_COMPLETED ||
                         event->type == EVENT_ORDER_FAILED || event->type == EVENT_ORDER_CANCELLED;
    if (wants(interests, tenant, name))
        effects->deliveries[effects->delivery_count++] = (struct new_delivery){
            .event_id = event->id,
            .order_id = event->order_id,
            .tenant = tenant,
            .name = name,
            .time_us = event->time_us,
            .body = make_body(batch, event),
        };
    if (is_refundable && wants(interests, tenant, PUBLIC_EVENT_REFUNDED))
        effects->ends[effects->end_count++] =
            (struct new_delivery){.order_id = event->order_id, .tenant = tenant};
}

static enum status read_interests(struct batch *batch, const struct slice *tenants,
                                  struct interests *interests, struct error *error) {
    struct slice last = {"", 0};
    struct pg_array distinct;
    pg_array_init(&distinct, PG_ARRAY_TEXT);
    for (size_t i = 0; i < batch->count; i++) {
        if (tenants[i].len > 0 && !slice_equal(tenants[i], last))
            pg_array_add_slice(&distinct, tenants[i]);
        last = tenants[i];
    }
    enum status status = webhooks_store_interests(batch, &distinct, interests, error);
    pg_array_fini(&distinct);
    return status;
}

static enum status webhooks_apply(struct batch *batch, struct error *error) {
    struct webhooks *webhooks = batch->context;
    struct slice *tenants = arena_alloc(batch->arena, batch->count * sizeof(*tenants));
    struct interests interests = {0};
    struct effects effects = {0};
    for (size_t i = 0; i < batch->count; i++)
        tenants[i] = tenant_of(batch->items[i]);
    enum status status = read_interests(batch, tenants, &interests, error);
    if (status != STATUS_OK || interests.count == 0)
        return status;
    effects.deliveries = arena_alloc(batch->arena, batch->count * sizeof(*effects.deliveries));
    effects.ends = arena_alloc(batch->arena, batch->count * sizeof(*effects.ends));
    for (size_t i = 0; i < batch->count; i++)
        add_event(batch, &batch->items[i]->event, tenants[i], &interests, &effects);
    status = webhooks_store_add(batch, effects.deliveries, effects.delivery_count, error);
    if (status == STATUS_OK)
        status = webhooks_store_add_ends(batch, effects.ends, effects.end_count, error);
    if (effects.delivery_count + effects.end_count > 0)
        atomic_fetch_add(&webhooks->stirs, 1);
    return status;
}

static enum status refund_apply(struct batch *batch, struct error *error) {
    struct webhooks *webhooks = batch->context;
    struct new_delivery *refunds = arena_alloc(batch->arena, batch->count * sizeof(*refunds));
    bool is_wanted = false;
    enum status status = webhooks_store_wants_refunds(batch, &is_wanted, error);
    if (status != STATUS_OK || !is_wanted)
        return status;
    for (size_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->items[i]->event;
        refunds[i] = (struct new_delivery){
            .event_id = event->id,
            .order_id = event->order_id,
            .time_us = event->time_us,
            .body = make_body(batch, event),
        };
    }
    atomic_fetch_add(&webhooks->stirs, 1);
    /* One by one: an order may have several, in parts. */
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++)
        status = webhooks_store_add_refunds(batch, &refunds[i], 1, error);
    return status;
}

/* A delivery's key is webhook and event. */
const struct handler webhooks_handler = {
    .apply = webhooks_apply, .once = ONCE_BY_EFFECT, .patience_ms = 1000};
const struct handler webhooks_refund_handler = {
    .apply = refund_apply, .once = ONCE_BY_EFFECT, .patience_ms = 1000};
