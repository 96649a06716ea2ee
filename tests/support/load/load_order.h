/*
 * The orders a load client places. Order n of a seed is always the same, so a retry needs nothing
 * but its number, and a run is repeated by its seed.
 *
 * Kinds and how each must end: `ok` COMPLETED; `declined` FAILED payment_declined; `stock` FAILED
 * out_of_stock; `scarce` asks for one of few pieces and ends either way; `held` is paid once it is
 * shipped, and ends COMPLETED; `asked` needs its customer, who confirms it soon, and ends
 * COMPLETED.
 *
 * Plain values; nothing blocks.
 */
#ifndef OM_TESTS_SUPPORT_LOAD_LOAD_ORDER_H
#define OM_TESTS_SUPPORT_LOAD_LOAD_ORDER_H

#include "shared/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define LOAD_KIND_TABLE(X)                                                                         \
    X(OK, "ok")                                                                                    \
    X(DECLINED, "declined")                                                                        \
    X(STOCK, "stock")                                                                              \
    X(SCARCE, "scarce")                                                                            \
    X(HELD, "held")                                                                                \
    X(ASKED, "asked")

enum load_kind {
#define LOAD_KIND_ENUM(id, name) LOAD_##id,
    LOAD_KIND_TABLE(LOAD_KIND_ENUM)
#undef LOAD_KIND_ENUM
        LOAD_KIND_COUNT
};

#define LOAD_SKUS_MAX 64

struct load_recipe {
    uint64_t seed;
    unsigned weights[LOAD_KIND_COUNT];
    const char *skus[LOAD_SKUS_MAX]; /* plentiful ones, borrowed */
    unsigned sku_count;
    unsigned lines; /* items an order, at most sku_count */
};

const char *load_kind_name(enum load_kind kind);
/* "ok=90,declined=5,stock=5". False when it is not of that form or weighs nothing. */
bool load_mix_parse(const char *text, unsigned weights[LOAD_KIND_COUNT]);
enum load_kind load_order_kind(const struct load_recipe *recipe, uint64_t number);
/* Appends the JSON body of order `number`. */
void load_order_write(const struct load_recipe *recipe, uint64_t number, struct buf *out);

#endif
