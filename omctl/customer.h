/* omctl customer: erases customers' personal data, and says whose was, in the notification
   service's database; prints what is held about one, by asking the services. Blocks. */
#ifndef OM_OMCTL_CUSTOMER_H
#define OM_OMCTL_CUSTOMER_H

#include "omctl/command/command.h"

int customer_erase_command(const struct omctl_config *config, int argc, char **argv);
int customer_export_command(const struct omctl_config *config, int argc, char **argv);
int customer_erasures_command(const struct omctl_config *config, int argc, char **argv);

#endif
