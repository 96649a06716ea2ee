/* omctl token: makes a JSON Web Token to try the API with (signer.h signs it). */
#ifndef OM_OMCTL_TOKEN_H
#define OM_OMCTL_TOKEN_H

#include "omctl/command/command.h"

int token_command(const struct omctl_config *config, int argc, char **argv);

#endif
