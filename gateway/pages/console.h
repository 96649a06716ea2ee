/*
 * The operator's console: the files of gateway/pages/console/, built into the program. They hold no
 * data; the page asks the API like any other client, with the token that is typed into it.
 *
 * Handlers; loop thread.
 */
#ifndef OM_GATEWAY_PAGES_CONSOLE_H
#define OM_GATEWAY_PAGES_CONSOLE_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* GET /console/ and GET /console/{id}, where the id is a file's name. */
void get_console_page(h2o_req_t *req, struct slice id);
void get_console_file(h2o_req_t *req, struct slice name);
/* GET /console leads to /console/, which the page's relative links need. */
void get_console_redirect(h2o_req_t *req, struct slice id);

#endif
