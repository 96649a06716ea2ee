/*
 * Dead letters and jobs as people read them. Text of senders is shown, but never acted on: control
 * characters are printed as '?'.
 */
#ifndef OM_OMCTL_DLQ_DLQ_PRINT_H
#define OM_OMCTL_DLQ_DLQ_PRINT_H

#include "shared/json/json.h"

#include <stdio.h>

void dlq_print_text(struct slice text, FILE *out);
void dlq_print_heading(FILE *out);
void dlq_print_entry(struct json_object *entry, FILE *out);   /* as a row */
void dlq_print_details(struct json_object *entry, FILE *out); /* with message and history */
void dlq_print_job(struct json_object *job, FILE *out);       /* as a row */
void dlq_print_progress(struct json_object *job, FILE *out);  /* how far it is */
void dlq_print_json(struct json_object *value, FILE *out);    /* in one line */
/* Of a dry run; `done` is what would be done to them. */
void dlq_print_matching(struct json_object *reply, const char *done, FILE *out);

#endif
