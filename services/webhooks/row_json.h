/* Members of a reply from the columns of a row: none where the column is NULL. Pure. */
#ifndef OM_SERVICES_WEBHOOKS_ROW_JSON_H
#define OM_SERVICES_WEBHOOKS_ROW_JSON_H

#include "shared/json/json.h"
#include "shared/pg/pg_result.h"

void row_put_time(struct json_writer *w, const char *key, const struct pg_result *result, int row,
                  int column);
void row_put_text(struct json_writer *w, const char *key, const struct pg_result *result, int row,
                  int column);
void row_put_id(struct json_writer *w, const char *key, const struct pg_result *result, int row,
                int column);

#endif
