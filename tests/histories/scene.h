/*
 * A mesh with a second gateway, and second instances of the services that orders take, and what
 * happens to it: processes and servers are killed with SIGKILL and come back, or are stopped for a
 * while, up to three at once. Main thread only; what cannot be done ends the program.
 */
#ifndef OM_TESTS_HISTORIES_SCENE_H
#define OM_TESTS_HISTORIES_SCENE_H

#include "tests/histories/dice.h"
#include "tests/histories/history.h"
#include "tests/support/mesh/mesh.h"

enum { SCENE_GATEWAYS = 2 };

struct scene;

/* `is_apart`: with a database for each service, and lists of orders read from a standby that lags.
 */
struct scene *scene_start(bool is_apart);
void scene_stop(struct scene **scene);
struct mesh *scene_mesh(struct scene *scene);
int scene_port(const struct scene *scene, int gateway);

/* Up to three faults, one shortly after the other, as the dice have it; returns when everything is
   whole again: all are ready, and both gateways have Redis. */
void scene_disturb(struct scene *scene, struct dice *dice, struct history *history);

#endif
