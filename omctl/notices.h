/* omctl notices resend: puts notices that failed back into the queue of their channel. Blocks. */
#ifndef OM_OMCTL_NOTICES_H
#define OM_OMCTL_NOTICES_H

#include "omctl/command/command.h"

int notices_resend_command(const struct omctl_config *config, int argc, char **argv);

#endif
