/* `omctl dlq edit`: a dead letter's message is changed, by options or in an editor, and replayed.
 */
#ifndef OM_OMCTL_DLQ_DLQ_EDIT_H
#define OM_OMCTL_DLQ_DLQ_EDIT_H

#include "omctl/command/command.h"

int dlq_edit_command(const struct omctl_config *config, int argc, char **argv);

#endif
