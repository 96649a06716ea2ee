/* The message of a dead letter as JSON, for people to look at. Pure. */
#ifndef OM_SERVICES_DLQ_INDEX_ENTRY_JSON_H
#define OM_SERVICES_DLQ_INDEX_ENTRY_JSON_H

#include "services/dlq/index/entry.h"
#include "shared/json/json.h"

/* Adds to the open object: "headers":{name:[values]} as the original had them, "body" where it is
   text of moderate size, "bodyBase64", "bodyBytes", and "bodyTruncated" where only its beginning
   fits into an answer. */
void entry_json_write_original(const struct stored_message *message, struct json_writer *w);

#endif
