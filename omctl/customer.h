/* omctl customer: erases customers' personal data, and says whose was. In the notification
   service's database. Blocks. */
#ifndef OM_OMCTL_CUSTOMER_H
#define OM_OMCTL_CUSTOMER_H

#include "omctl/command/command.h"

int customer_erase_command(const struct omctl_config *config, int argc, char **argv);
int customer_erasures_command(const struct omctl_config *config, int argc, char **argv);

#endif
