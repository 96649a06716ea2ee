/* Random numbers of a run, each thread its own: SplitMix64 (Steele, Lea, Flood 2014). */
#ifndef OM_TESTS_HISTORIES_DICE_H
#define OM_TESTS_HISTORIES_DICE_H

#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_throw(struct dice *dice) {
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Both included. */
static inline int dice_between(struct dice *dice, int least, int most) {
    return least + (int)(dice_throw(dice) % (uint64_t)(most - least + 1));
}

#endif
