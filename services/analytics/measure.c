#include "services/analytics/measure.h"

#include "services/analytics/histogram.h"
#include "shared/contract/order_snapshot.h"

static const char *const stage_names[] = {
#define STAGE_NAME(id, name) [STAGE_##id] = name,
    STAGE_TABLE(STAGE_NAME)
#undef STAGE_NAME
};

const char *stage_name(enum stage stage) {
    return stage_names[stage];
}

bool stage_parse(struct slice text, enum stage *stage) {
    int found = slice_index(text, stage_names, STAGE_COUNT);
    if (found >= 0)
        *stage = (enum stage)found;
    return found >= 0;
}

enum order_status facts_status(const struct order_facts *facts) {
    const int64_t *at_us = facts->at_us;
    if (at_us[FACT_COMPLETED] != 0)
        return ORDER_COMPLETED;
    if (at_us[FACT_CANCELLED] != 0)
        return ORDER_CANCELLED;
    if (at_us[FACT_FAILED] != 0)
        return ORDER_FAILED;
    return at_us[FACT_CONFIRMED] != 0 ? ORDER_CONFIRMED : ORDER_PENDING;
}

/* The first of two moments that came; 0 when neither did. */
static int64_t first_of(int64_t a_us, int64_t b_us) {
    return a_us != 0 && (b_us == 0 || a_us < b_us) ? a_us : b_us;
}

/* The later of two moments, once both have come. */
static int64_t both_of(int64_t a_us, int64_t b_us) {
    if (a_us == 0 || b_us == 0)
        return 0;
    return a_us > b_us ? a_us : b_us;
}

static void measure_stage(struct tally *tally, enum stage stage, int64_t from_us, int64_t to_us,
                          int times) {
    if (from_us != 0 && to_us != 0)
        tally_add(tally, MEASURE_LATENCY, slice_of(stage_names[stage]),
                  histogram_bin(to_us - from_us), to_us, times);
}

/* 0 where the money was taken after the shipment: it was held before, and nobody tells when. */
static int64_t paid_on_the_way(const int64_t *at_us) {
    bool is_late = at_us[FACT_SHIPPED] != 0 && at_us[FACT_PAID] > at_us[FACT_SHIPPED];
    return is_late ? 0 : at_us[FACT_PAID];
}

static void measure_stages(const struct order_facts *facts, int times, struct tally *tally) {
    const int64_t *at = facts->at_us;
    int64_t created_us = at[FACT_CREATED], paid_us = paid_on_the_way(at);
    int64_t reservation_from_us = created_us, payment_from_us = created_us;
    /* Without the creation nobody knows the flow, and so not when these two began. */
    if (slice_is(facts->flow, order_flow_name(FLOW_INVENTORY_FIRST)))
        payment_from_us = at[FACT_RESERVED];
    else if (slice_is(facts->flow, order_flow_name(FLOW_PAYMENT_FIRST)))
        reservation_from_us = paid_us;
    measure_stage(tally, STAGE_RESERVATION, reservation_from_us, at[FACT_RESERVED], times);
    measure_stage(tally, STAGE_PAYMENT, payment_from_us, paid_us, times);
    measure_stage(tally, STAGE_CONFIRMATION, both_of(at[FACT_RESERVED], paid_us),
                  at[FACT_CONFIRMED], times);
    measure_stage(tally, STAGE_SHIPPING, at[FACT_CONFIRMED], at[FACT_SHIPPED], times);
    measure_stage(tally, STAGE_COMPLETION, at[FACT_SHIPPED], at[FACT_COMPLETED], times);
    measure_stage(tally, STAGE_ORDER, created_us, at[FACT_COMPLETED], times);
    measure_stage(tally, STAGE_FAILURE, created_us, first_of(at[FACT_FAILED], at[FACT_CANCELLED]),
                  times);
}

void facts_measure(const struct order_facts *facts, int times, struct tally *tally) {
    const int64_t *at = facts->at_us;
    for (int i = 0; i < FACT_COUNT; i++) {
        if (at[i] != 0)
            tally_add(tally, MEASURE_FACT, slice_of(fact_name((enum fact)i)), 0, at[i], times);
    }
    int64_t ended_us = first_of(at[FACT_FAILED], at[FACT_CANCELLED]);
    /* An order that is refused at once, such as for an unknown SKU, is never created. */
    int64_t begun_us = at[FACT_CREATED] != 0 ? at[FACT_CREATED] : ended_us;
    if (begun_us != 0)
        tally_add(tally, MEASURE_STATUS, slice_of(order_status_name(facts_status(facts))), 0,
                  begun_us, times);
    if (ended_us != 0)
        tally_add(tally, MEASURE_REASON, facts->reason, 0, ended_us, times);
    if (at[FACT_PAID] != 0)
        tally_add(tally, MEASURE_CAPTURED, facts->captured.currency, 0, at[FACT_PAID],
                  times * facts->captured.minor);
    if (at[FACT_REFUNDED] != 0)
        tally_add(tally, MEASURE_REFUNDED, facts->refunded.currency, 0, at[FACT_REFUNDED],
                  times * facts->refunded.minor);
    measure_stages(facts, times, tally);
}
