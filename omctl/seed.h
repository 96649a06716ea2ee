/*
 * The demo catalog: products with stock, and the events that tell the order service their prices.
 *
 * One transaction for all of it; products that exist are left as they are, stock included. Uses
 * `pg` outside any transaction, as a role that may write to the schemas inventory and orders.
 * Blocks.
 */
#ifndef OM_OMCTL_SEED_H
#define OM_OMCTL_SEED_H

#include "omctl/command/command.h"
#include "shared/pg/pg.h"

#include <stdio.h>

/* *added counts the products that were not there before. */
enum status seed_demo(struct pg *pg, size_t *added, struct error *error) MUST_CHECK;
/* Waits until the order service has the price of every demo product; progress goes to `out`.
   TIMEOUT when it has not after `timeout_ms`. */
enum status seed_wait(struct pg *pg, int64_t timeout_ms, FILE *out, struct error *error) MUST_CHECK;

int seed_command(const struct omctl_config *config, int argc, char **argv);

#endif
