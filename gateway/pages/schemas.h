/*
 * The JSON Schemas of commands, events and failure reports, each under its own id, which an event's
 * `dataschema` names. Handlers; loop thread.
 */
#ifndef OM_GATEWAY_PAGES_SCHEMAS_H
#define OM_GATEWAY_PAGES_SCHEMAS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* GET /schemas and GET /schemas/{id}, such as "urn:ordermesh:schema:order.created:1". */
void get_schema_index(h2o_req_t *req, struct slice id);
void get_schema(h2o_req_t *req, struct slice id);

#endif
