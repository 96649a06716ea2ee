/*
 * The SQL of the terms of orders (terms.h), by which they are found: order_terms, a table to which
 * rows are added and whose rows are never updated. It is named without a schema, as in store.h.
 */
#ifndef OM_SERVICES_ANALYTICS_TERM_STORE_H
#define OM_SERVICES_ANALYTICS_TERM_STORE_H

#include "services/analytics/terms.h"
#include "shared/pg/pg.h"
#include "shared/query/order_filter.h"

/* Each queues a statement, or none where there are no rows, in the open transaction. Rows that are
   there already stay. */
enum status terms_store_add(struct pg *pg, const struct term_rows *rows,
                            struct error *error) MUST_CHECK;
enum status terms_store_remove(struct pg *pg, const struct term_rows *rows,
                               struct error *error) MUST_CHECK;
/* Copies into the tables of a rebuild what is older than `horizon_us`, and references. */
enum status terms_store_keep(struct pg *pg, int64_t horizon_us, struct error *error) MUST_CHECK;

/* A way to the orders: any of these terms. */
#define LEAD_TERMS_MOST 328

struct term_lead {
    int64_t terms[LEAD_TERMS_MOST];
    size_t count;
};

/* A walk behind the filter's place and within its time, with its amounts. */
struct term_walk {
    const struct order_filter *filter;
    const struct term_lead *lead;
    int64_t others[2]; /* terms that orders must have besides; 0: none */
};

/* No page walks further than this, and no way is counted further. */
#define TERM_WALK_MOST 10000

/* How many orders of the filter's time are on the way, up to TERM_WALK_MOST. */
enum status terms_store_count(struct pg *pg, const struct order_filter *filter,
                              const struct term_lead *lead, int64_t *count,
                              struct error *error) MUST_CHECK;
/* A page of places, of which no more than the filter's limit. `goes_on`: a further one from `end`
   may find more. */
struct term_page {
    struct order_place places[ORDER_PAGE_MOST + 1];
    size_t count;
    bool goes_on;
    struct order_place end;
};
enum status terms_store_walk(struct pg *pg, const struct term_walk *walk, struct term_page *page,
                             struct error *error) MUST_CHECK;

#endif
