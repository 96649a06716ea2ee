/* omctl health: asks a process for its health by HTTP, as a container's health check. Blocks. */
#ifndef OM_OMCTL_HEALTH_H
#define OM_OMCTL_HEALTH_H

#include "omctl/command/command.h"

int health_command(const struct omctl_config *config, int argc, char **argv);

#endif
