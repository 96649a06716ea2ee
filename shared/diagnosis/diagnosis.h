/*
 * Why an order does not go on, in one document for people and programs. The gateway and omctl ask
 * the questions listed here, each in its own way, and hand in the answers.
 *
 *     {"orderId","at","status"?,"reason"?,"waitsFor"?,"since"?,"cause","summary","whatToDo",
 *      "consumer"?: {"stream","name"},
 *      "consumers": [{"stream","name","service","event","state","waiting"?,"inHand"?,"processes",
 *                     "pausedUntil"?,"notReady"?}],
 *      "deadLetters"?: [<as mesh.dlq.list has them>]}
 *
 * "cause" is one of cause.h's, "consumer" the one that it is about, "consumers" are those on the
 * way to what the order waits for, with a cause each or "ok", and "deadLetters" are all of the
 * order's, of any status, where the dead-letter service answered.
 *
 * Not thread safe; nothing blocks.
 */
#ifndef OM_SHARED_DIAGNOSIS_DIAGNOSIS_H
#define OM_SHARED_DIAGNOSIS_DIAGNOSIS_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/crypto/uuid.h"

struct diagnosis;

struct diagnosis *diagnosis_create(const struct uuid *order_id, const char *tenant);
void diagnosis_destroy(struct diagnosis **diagnosis);

enum { DIAGNOSIS_QUESTIONS = 8 };

/* Borrowed from the diagnosis. */
struct diagnosis_question {
    const char *subject;
    struct slice body;
    bool is_survey; /* many may answer, each to be handed in */
};
struct diagnosis_question diagnosis_question(const struct diagnosis *diagnosis, size_t index);
/* The order is to be asked for last: what is in nobody's hands any more it has then. `status` is OK
   with the answer's body, or why there is none. A question without an answer may be left out. */
void diagnosis_answer(struct diagnosis *diagnosis, size_t index, enum status status,
                      struct slice body);

/* The gateway knows that the order was accepted, whoever else does not. */
void diagnosis_accept(struct diagnosis *diagnosis);

/* Appends the document. NOT_FOUND: nobody knows of such an order, and no order waits to be taken
   in. */
enum status diagnosis_write(const struct diagnosis *diagnosis, int64_t now_us, struct buf *out,
                            struct error *error) MUST_CHECK;

#endif
