/* omctl events: the table of events, for people and for what is made from it (scripts/check). */
#ifndef OM_OMCTL_EVENTS_H
#define OM_OMCTL_EVENTS_H

#include "omctl/command/command.h"

int events_command(const struct omctl_config *config, int argc, char **argv);

#endif
