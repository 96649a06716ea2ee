/* `omctl audit`: one order from the streams and an archive, or a whole archive. */
#ifndef OM_OMCTL_AUDIT_COMMAND_H
#define OM_OMCTL_AUDIT_COMMAND_H

#include "omctl/command/command.h"

int audit_command(const struct omctl_config *config, int argc, char **argv);

#endif
