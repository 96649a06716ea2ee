#include "shared/nats/subject.h"

bool subject_next_token(struct slice *subject, struct slice *token) {
    bool is_there = subject->ptr != NULL;
    if (is_there)
        *token = slice_take_until(subject, '.');
    return is_there;
}

bool subject_matches(struct slice filter, struct slice subject) {
    struct slice want, have;
    while (subject_next_token(&filter, &want)) {
        if (!subject_next_token(&subject, &have))
            return false;
        if (slice_is(want, ">"))
            return true;
        if (slice_is(have, ">"))
            return false;
        if (!slice_is(want, "*") && !slice_equal(want, have))
            return false;
    }
    return subject.ptr == NULL;
}
