/* Which known word somebody may have meant who wrote another. Pure. */
#ifndef OM_OMCTL_COMMAND_SUGGEST_H
#define OM_OMCTL_COMMAND_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/* How many letters must be put in, left out or replaced at least to make one word of the other;
   more than any word has for words above 63 bytes. */
size_t suggest_distance(const char *a, const char *b);
/* So few that it is a slip of the pen. */
bool suggest_is_near(const char *meant, size_t distance);

#endif
