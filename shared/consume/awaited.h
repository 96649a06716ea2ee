/*
 * What this process has in hand and cannot go on with before somebody answers
 * (delivery_await_answer()), for who asks why an order does not go on: as many as fit, the first
 * ones first. A message that another process takes up meanwhile is forgotten here after a while.
 * For all threads; nothing blocks.
 */
#ifndef OM_SHARED_CONSUME_AWAITED_H
#define OM_SHARED_CONSUME_AWAITED_H

#include "shared/crypto/uuid.h"
#include "shared/json/json.h"

/* `consumer` is "ORDERS/order". It was looked at once more, and `words` say who does not answer
   what. */
void awaited_note(const char *consumer, const struct uuid *order_id, const char *words);
void awaited_forget(const char *consumer, const struct uuid *order_id);
/* Appends the member "awaits": [{"consumer","orderId","since","words"}], unless there is none. */
void awaited_write(struct json_writer *w);

#endif
