/* NATS subjects and their tokens (https://docs.nats.io/nats-concepts/subjects). Pure. */
#ifndef OM_SHARED_NATS_SUBJECT_H
#define OM_SHARED_NATS_SUBJECT_H

#include "shared/base/slice.h"

/* Takes the next token off; false when there is none left. */
bool subject_next_token(struct slice *subject, struct slice *token);
/* `filter` as NATS matches subjects: * is one token, > the rest. A filter in the place of `subject`
   is matched where all is that it matches. */
bool subject_matches(struct slice filter, struct slice subject);

#endif
