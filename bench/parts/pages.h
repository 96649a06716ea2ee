/*
 * Every list, filter and report that the API has, asked as its clients do, and the statements that
 * answer a service's questions behind them. Blocks; a page that is not answered ends the program.
 * Main thread only.
 */
#ifndef OM_BENCH_PARTS_PAGES_H
#define OM_BENCH_PARTS_PAGES_H

#include "tests/support/mesh/mesh.h"

#define PAGES_MAX 48

struct page {
    char path[192]; /* with the times left out */
    double ms;      /* median */
};

struct pages {
    int count;
    struct page items[PAGES_MAX];
};

/* Asks each `times` times. All parts must run. */
struct pages pages_ask(struct mesh *mesh, int times);

#endif
