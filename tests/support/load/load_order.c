#include "tests/support/load/load_order.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
#define LOAD_KIND_NAME(id, name) [LOAD_##id] = name,
    LOAD_KIND_TABLE(LOAD_KIND_NAME)
#undef LOAD_KIND_NAME
};

static const char scarce_sku[] = "TSHIRT-GRY-S"; /* five pieces in the demo catalog */

const char *load_kind_name(enum load_kind kind) {
    return kind_names[kind];
}

/* One "name=weight" of the mix; advances *text past it and its comma. */
static bool parse_weight(const char **text, unsigned weights[LOAD_KIND_COUNT]) {
    const char *equals = strchr(*text, '=');
    char *end;

    if (equals == NULL)
        return false;
    struct slice name = {*text, (size_t)(equals - *text)};
    unsigned long weight = strtoul(equals + 1, &end, 10);
    if (end == equals + 1 || weight > 1000000 || (*end != ',' && *end != '\0'))
        return false;
    *text = *end == ',' ? end + 1 : end;
    for (int kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        if (slice_is(name, kind_names[kind])) {
            weights[kind] = (unsigned)weight;
            return true;
        }
    }
    return false;
}

bool load_mix_parse(const char *text, unsigned weights[LOAD_KIND_COUNT]) {
    unsigned parsed[LOAD_KIND_COUNT] = {0};
    unsigned total = 0;

    while (*text != '\0') {
        if (!parse_weight(&text, parsed))
            return false;
    }
    for (int kind = 0; kind < LOAD_KIND_COUNT; kind++)
        total += parsed[kind];
    if (total == 0)
        return false;
    memcpy(weights, parsed, sizeof(parsed));
    return true;
}

/* SplitMix64 (Steele, Lea, Flood 2014): one well mixed number from a counter. */
static uint64_t mix_number(uint64_t seed, uint64_t number) {
    uint64_t z = seed + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

enum load_kind load_order_kind(const struct load_recipe *recipe, uint64_t number) {
    uint64_t total = 0;

    for (int kind = 0; kind < LOAD_KIND_COUNT; kind++)
        total += recipe->weights[kind];
    uint64_t pick = mix_number(recipe->seed, number) % total;
    for (int kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        if (pick < recipe->weights[kind])
            return (enum load_kind)kind;
        pick -= recipe->weights[kind];
    }
    return LOAD_OK;
}

static void write_items(const struct load_recipe *recipe, uint64_t number, enum load_kind kind,
                        struct buf *out) {
    if (kind == LOAD_STOCK || kind == LOAD_SCARCE) {
        buf_printf(out, "{\"sku\":\"%s\",\"quantity\":%d}", scarce_sku,
                   kind == LOAD_STOCK ? 999 : 1);
        return;
    }
    uint64_t first = mix_number(~recipe->seed, number) % recipe->sku_count;
    for (unsigned line = 0; line < recipe->lines; line++) {
        const char *sku = recipe->skus[(first + line) % recipe->sku_count];
        buf_printf(out, "%s{\"sku\":\"%s\",\"quantity\":1}", line == 0 ? "" : ",", sku);
    }
}

void load_order_write(const struct load_recipe *recipe, uint64_t number, struct buf *out) {
    enum load_kind kind = load_order_kind(recipe, number);
    const char *method = kind == LOAD_DECLINED ? "pm_card_chargeDeclined"
                         : kind == LOAD_ASKED  ? "pm_sim_action_500"
                                               : "pm_card_visa";
    unsigned customer = (unsigned)(number % 100000);

    buf_printf(out, "{\"customerId\":\"C%u\",\"email\":\"c%u@example.com\",\"currency\":\"USD\"",
               customer, customer);
    if (kind == LOAD_HELD)
        buf_append_text(out, ",\"capture\":\"on_shipment\"");
    buf_append_text(out, ",\"items\":[");
    write_items(recipe, number, kind, out);
    buf_printf(out, "],\"paymentMethod\":\"%s\"}", method);
}
