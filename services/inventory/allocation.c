#include "services/inventory/allocation.h"

#include <string.h>

/* What an order needs of one SKU, and how much of it each warehouse has, by rank. */
struct need {
    struct slice sku;
    int64_t quantity;
    int64_t on_hand[WAREHOUSES_MAX];
    bool is_known;
};

struct needs {
    struct need *rows;
    size_t count;
    struct slice names[WAREHOUSES_MAX];
};

static struct need *need_of(const struct needs *needs, struct slice sku) {
    for (size_t i = 0; i < needs->count; i++) {
        if (slice_equal(needs->rows[i].sku, sku))
            return &needs->rows[i];
    }
    return NULL;
}

static struct need *add_need(struct needs *needs, const struct stock *stock, struct slice sku) {
    struct need *need = &needs->rows[needs->count++];
    size_t count;
    const struct stock_row *rows = stock_find_all(stock, sku, &count);
    *need = (struct need){.sku = sku, .is_known = count > 0};
    for (size_t i = 0; i < count; i++) {
        need->on_hand[rows[i].rank] = rows[i].on_hand;
        needs->names[rows[i].rank] = rows[i].warehouse;
    }
    return need;
}

/* A SKU in several lines is one need. */
static struct needs list_needs(const struct stock *stock, const struct wanted_lines *wanted,
                               struct arena *arena) {
    struct needs needs = {.rows = arena_alloc(arena, (wanted->count + 1) * sizeof(*needs.rows))};
    for (size_t i = 0; i < wanted->count; i++) {
        struct need *need = need_of(&needs, wanted->lines[i].sku);
        if (need == NULL)
            need = add_need(&needs, stock, wanted->lines[i].sku);
        need->quantity += wanted->lines[i].quantity;
    }
    return needs;
}

/* A choice is a set of ranks as bits. */
static bool choice_meets(const struct need *need, unsigned choice) {
    int64_t have = 0;
    for (int rank = 0; rank < WAREHOUSES_MAX; rank++)
        have += choice & (1u << rank) ? need->on_hand[rank] : 0;
    return have >= need->quantity;
}

/* The first that the choice does not meet; NULL where it serves the whole order. */
static const struct need *unmet(const struct needs *needs, unsigned choice) {
    for (size_t i = 0; i < needs->count; i++) {
        if (!choice_meets(&needs->rows[i], choice))
            return &needs->rows[i];
    }
    return NULL;
}

/* Adds `more` warehouses to the choice, lowest ranks first; 0 where no such choice serves. */
static unsigned choose(const struct needs *needs, unsigned useful, unsigned choice, int more,
                       int from) {
    if (more == 0)
        return unmet(needs, choice) == NULL ? choice : 0;
    for (int rank = from; rank < WAREHOUSES_MAX; rank++) {
        unsigned bit = 1u << rank;
        unsigned found = useful & bit ? choose(needs, useful, choice | bit, more - 1, rank + 1) : 0;
        if (found != 0)
            return found;
    }
    return 0;
}

/* Those that have any of it. */
static unsigned useful_ranks(const struct needs *needs) {
    unsigned useful = 0;
    for (size_t i = 0; i < needs->count; i++) {
        for (int rank = 0; rank < WAREHOUSES_MAX; rank++)
            useful |= needs->rows[i].on_hand[rank] > 0 ? 1u << rank : 0;
    }
    return useful;
}

static unsigned choose_fewest(const struct needs *needs, unsigned useful) {
    unsigned found = 0;
    for (int size = 1; found == 0 && size <= WAREHOUSES_MAX; size++)
        found = choose(needs, useful, 0, size, 0);
    return found;
}

/* How much of a line each warehouse of the choice gives. */
static void divide(struct need *need, unsigned choice, int64_t quantity, int64_t *shares) {
    unsigned sources = choice;
    memset(shares, 0, WAREHOUSES_MAX * sizeof(*shares));
    for (int rank = WAREHOUSES_MAX - 1; rank >= 0; rank--) {
        if (choice & (1u << rank) && need->on_hand[rank] >= quantity)
            sources = 1u << rank;
    }
    for (int rank = 0; rank < WAREHOUSES_MAX && quantity > 0; rank++) {
        if (!(sources & (1u << rank)))
            continue;
        shares[rank] = need->on_hand[rank] < quantity ? need->on_hand[rank] : quantity;
        need->on_hand[rank] -= shares[rank];
        quantity -= shares[rank];
    }
}

static void divide_all(const struct needs *needs, unsigned choice,
                       const struct wanted_lines *wanted, struct arena *arena,
                       struct allocation *plan) {
    int64_t(*shares)[WAREHOUSES_MAX] = arena_alloc(arena, wanted->count * sizeof(*shares));
    struct stock_line *lines = arena_alloc(arena, wanted->count * WAREHOUSES_MAX * sizeof(*lines));
    size_t filled = 0;
    for (size_t i = 0; i < wanted->count; i++)
        divide(need_of(needs, wanted->lines[i].sku), choice, wanted->lines[i].quantity, shares[i]);
    for (int rank = 0; rank < WAREHOUSES_MAX; rank++) {
        for (size_t i = 0; i < wanted->count; i++) {
            if (shares[i][rank] > 0)
                lines[filled++] =
                    (struct stock_line){wanted->lines[i].sku, shares[i][rank], needs->names[rank]};
        }
    }
    *plan = (struct allocation){lines, filled};
}

bool allocation_plan(const struct stock *stock, const struct wanted_lines *wanted,
                     struct arena *arena, struct allocation *plan, struct shortage *shortage) {
    struct needs needs = list_needs(stock, wanted, arena);
    unsigned useful = useful_ranks(&needs);
    const struct need *fault = unmet(&needs, useful);
    if (fault != NULL) {
        shortage->reason = fault->is_known ? REASON_OUT_OF_STOCK : REASON_UNKNOWN_SKU;
        shortage->sku = fault->sku;
        return false;
    }
    divide_all(&needs, choose_fewest(&needs, useful), wanted, arena, plan);
    return true;
}
