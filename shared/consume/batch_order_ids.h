/*
 * Finding what a service keeps of the orders that its batch is about. Belongs to the consumer's
 * thread; blocks as pg_query() does.
 */
#ifndef OM_SHARED_CONSUME_BATCH_ORDER_IDS_H
#define OM_SHARED_CONSUME_BATCH_ORDER_IDS_H

#include "shared/consume/batch.h"

/* Runs a statement whose only parameter, $1::uuid[], is the order of each event of the batch: one
   that has several events is there several times. */
enum status batch_query_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) MUST_CHECK;
/* The same, but *result is as with pg_queue_into(). */
enum status batch_queue_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) MUST_CHECK;

#endif
