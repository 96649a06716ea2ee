/*
 * A kept command, published again: under a message id that says how often it was, since the stream
 * may know the first one and yet have lost the message. When the stream has it, it is kept anew, as
 * the youngest, and its old copy goes.
 *
 * A gateway that dies on the way leaves the old copy, whose next try has the same message id. Loop
 * thread; nothing blocks.
 */
#ifndef OM_GATEWAY_KEPT_KEPT_AGAIN_H
#define OM_GATEWAY_KEPT_KEPT_AGAIN_H

#include "gateway/kept/kept_question.h"

/* One on its way. Embed it; its members are kept_again.c's. */
struct kept_again {
    struct lane *lane;
    struct kept_command *command;
    void (*fn)(void *closure);
    void *closure;
};

/* `item` has its event, and lives until `fn` is called, which may be before this returns. What does
   not succeed is left as it was. */
void kept_publish_again(struct kept_again *again, struct lane *lane, struct kept_item *item,
                        void (*fn)(void *closure), void *closure);

#endif
