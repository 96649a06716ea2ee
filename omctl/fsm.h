/* omctl fsm: the table of services/order/life/order_fsm.c as others read it. */
#ifndef OM_OMCTL_FSM_H
#define OM_OMCTL_FSM_H

#include "omctl/command/command.h"

int fsm_command(const struct omctl_config *config, int argc, char **argv);

#endif
