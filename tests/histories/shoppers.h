/*
 * Clients that order, repeat, read, list, cancel, and count stock, each on a thread of its own and
 * through one gateway or the other by the dice, so that what one tells is asked of the other. Keys
 * are each client's own, or shared by all of them, with a few bodies that compete.
 *
 * What had no clear answer is repeated under its key once the load is over, until it has one, and
 * each accepted order is then read until it has ended, so that the history says how all came out.
 */
#ifndef OM_TESTS_HISTORIES_SHOPPERS_H
#define OM_TESTS_HISTORIES_SHOPPERS_H

#include "tests/histories/history.h"
#include "tests/histories/scene.h"

struct shoppers;

struct shoppers_options {
    uint64_t seed;
    int count;
    int ports[SCENE_GATEWAYS];
    struct history *history; /* borrowed */
};

struct shoppers *shoppers_start(const struct shoppers_options *options);
/* No further load: what is open is settled, while everything is whole. Blocks. */
void shoppers_settle(struct shoppers *shoppers);
/* Reads the stock of each SKU until nothing of it is reserved: before the first order, and after
   the last. */
void shoppers_count_stock(const struct shoppers_options *options);
void shoppers_destroy(struct shoppers **shoppers); /* after settling */

#endif
