/* `omctl why`: what an order waits for, and what holds it (shared/diagnosis/diagnosis.h). Blocks up
   to 2 s for each who does not answer. */
#ifndef OM_OMCTL_WHY_H
#define OM_OMCTL_WHY_H

#include "omctl/command/command.h"

int why_command(const struct omctl_config *config, int argc, char **argv);

#endif
