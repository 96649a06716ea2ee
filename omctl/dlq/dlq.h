/*
 * `omctl dlq ...`: dead letters, through the endpoints of the mesh (services/dlq/endpoint.h says
 * what they answer). dlq.c reads the arguments and asks, dlq_print.c shows the answers,
 * dlq_follow.c goes on asking. dlq_edit.c is `omctl dlq edit`.
 */
#ifndef OM_OMCTL_DLQ_DLQ_H
#define OM_OMCTL_DLQ_DLQ_H

#include "omctl/command/command.h"

int dlq_list_command(const struct omctl_config *config, int argc, char **argv);
int dlq_show_command(const struct omctl_config *config, int argc, char **argv);
int dlq_replay_command(const struct omctl_config *config, int argc, char **argv);
int dlq_discard_command(const struct omctl_config *config, int argc, char **argv);
int dlq_jobs_command(const struct omctl_config *config, int argc, char **argv);
int dlq_cancel_command(const struct omctl_config *config, int argc, char **argv);
int dlq_watch_command(const struct omctl_config *config, int argc, char **argv);

#endif
