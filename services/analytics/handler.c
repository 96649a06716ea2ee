#include "services/analytics/handler.h"

#include "services/analytics/projection.h"
#include "services/analytics/terms.h"

static enum status analytics_apply(struct batch *batch, struct error *error) {
    struct order_facts *facts = arena_alloc(batch->arena, batch->count * sizeof(*facts));
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        struct error invalid = {0};
        if (facts_read(&delivery->event, &facts[count], &invalid) == STATUS_OK)
            terms_read(&delivery->event, batch->arena, &facts[count++]);
        else
            delivery_reject(delivery, invalid.status, "%s", invalid.text);
    }
    return projection_apply(batch->pg, batch->arena, facts, count, error);
}

const struct handler analytics_handler = {
    .apply = analytics_apply, .once = ONCE_BY_EFFECT, .patience_ms = 1000};
