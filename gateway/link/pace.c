#include "gateway/link/pace.h"

#define COUNTS_US 5000000

static bool is_known(const struct pace_figure *figure, int64_t now_us) {
    return figure->at_us != 0 && now_us - figure->at_us < COUNTS_US;
}

/* One that had to wait for something else must not decide alone. */
static void note(struct pace_figure *figure, int64_t us, int64_t now_us) {
    if (is_known(figure, now_us)) {
        int64_t most_us = 2 * figure->us;
        us = (3 * figure->us + (us < most_us ? us : most_us)) / 4;
    }
    figure->us = us;
    figure->at_us = now_us;
}

void pace_note(struct pace *pace, bool was_batch, size_t count, int64_t took_us, int64_t now_us) {
    if (was_batch)
        note(&pace->batch, took_us, now_us);
    else if (count >= PACE_GROUP_LEAST)
        note(&pace->singly, took_us / (int64_t)count, now_us);
}

static bool pays(const struct pace *pace, size_t count) {
    return (int64_t)count * pace->singly.us > pace->batch.us;
}

bool pace_wants_batch(const struct pace *pace, size_t count, int64_t now_us) {
    if (!is_known(&pace->batch, now_us))
        return count >= PACE_GROUP_LEAST;
    return count > 1 && is_known(&pace->singly, now_us) && pays(pace, count);
}

bool pace_is_hopeless(const struct pace *pace, int64_t now_us) {
    return is_known(&pace->singly, now_us) && is_known(&pace->batch, now_us) &&
           !pays(pace, PACE_GROUP_MOST);
}
