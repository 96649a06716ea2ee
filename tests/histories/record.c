/* om-history SECONDS FILE [apart]: lets clients work on a mesh with two gateways for so long, while
   processes and servers are killed and stopped, and writes what they saw to FILE (history.h). With
   `apart` lists of orders come from a standby.

   Prints `seed N`; OM_SEED=N gives a run the same requests and faults, but not the same timing.
   Exit code: 0, or 1 when the mesh does not come to rest again. */
#include "tests/histories/scene.h"
#include "tests/histories/shoppers.h"

#include "shared/base/clock.h"
#include "tests/support/base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOPPERS = 8,
    CALM_LEAST_MS = 500,
    CALM_MOST_MS = 2000,
    SEEDS = 1000000, /* short enough to be typed again */
};

/* A healthy Redis may take as long as this on a busy machine, and keys are guarded all the same. */
#define REDIS_TIMEOUT_MS "1000"

static void disturb(struct scene *scene, uint64_t seed, int64_t until_us, struct history *history) {
    struct dice dice = {seed};
    while (history_now_us(history) < until_us) {
        clock_sleep_ms(dice_between(&dice, CALM_LEAST_MS, CALM_MOST_MS));
        scene_disturb(scene, &dice, history);
    }
}

static void record(struct scene *scene, uint64_t seed, int64_t seconds, const char *path) {
    struct history *history = history_open(path);
    const struct shoppers_options options = {
        .seed = seed,
        .count = SHOPPERS,
        .ports = {scene_port(scene, 0), scene_port(scene, 1)},
        .history = history,
    };
    shoppers_count_stock(&options);
    struct shoppers *shoppers = shoppers_start(&options);
    disturb(scene, seed, seconds * 1000000, history);
    shoppers_settle(shoppers);
    shoppers_destroy(&shoppers);
    shoppers_count_stock(&options);
    history_close(&history);
}

int main(int argc, char **argv) {
    uint64_t seed = seed_of_run() % SEEDS;
    bool is_apart = argc == 4 && strcmp(argv[3], "apart") == 0;
    if (argc != 3 && !is_apart) {
        fputs("usage: om-history SECONDS FILE [apart]\n", stderr);
        return 2;
    }
    printf("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    (void)setenv("OM_REDIS_TIMEOUT_MS", REDIS_TIMEOUT_MS, 1);
    struct scene *scene = scene_start(is_apart);
    record(scene, seed, strtol(argv[1], NULL, 10), argv[2]);
    scene_stop(&scene);
    return 0;
}
