/*
 * The API's description: docs/openapi.yaml as it is, and the page that shows it to people, which
 * are the files of gateway/pages/docs/. All are built into the program; the page loads nothing from
 * elsewhere.
 *
 * Handlers; loop thread.
 */
#ifndef OM_GATEWAY_PAGES_API_DOCS_H
#define OM_GATEWAY_PAGES_API_DOCS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void get_openapi(h2o_req_t *req, struct slice id);
/* GET /docs and GET /docs/{id}, where the id is a file's name. */
void get_docs_page(h2o_req_t *req, struct slice id);
void get_docs_file(h2o_req_t *req, struct slice name);

#endif
