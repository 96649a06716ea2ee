#include "gateway/pages/console.h"

#include "gateway/pages/document.h"
#include "gateway/reply/answer.h"

/* symbol, file, type; a test compares it with the folder. */
#define CONSOLE_TABLE(X)                                                                           \
    X(console_index, "index.html", DOCUMENT_HTML)                                                  \
    X(console_style, "console.css", DOCUMENT_CSS)                                                  \
    X(console_icon, "icon.svg", DOCUMENT_SVG)                                                      \
    X(console_aftermath, "aftermath.js", DOCUMENT_SCRIPT)                                          \
    X(console_api, "api.js", DOCUMENT_SCRIPT)                                                      \
    X(console_attention, "attention.js", DOCUMENT_SCRIPT)                                          \
    X(console_charts, "charts.js", DOCUMENT_SCRIPT)                                                \
    X(console_choice, "choice.js", DOCUMENT_SCRIPT)                                                \
    X(console_dead_groups, "dead-groups.js", DOCUMENT_SCRIPT)                                      \
    X(console_dead_letter, "dead-letter.js", DOCUMENT_SCRIPT)                                      \
    X(console_dead_letters, "dead-letters.js", DOCUMENT_SCRIPT)                                    \
    X(console_diagnosis, "diagnosis.js", DOCUMENT_SCRIPT)                                          \
    X(console_dom, "dom.js", DOCUMENT_SCRIPT)                                                      \
    X(console_format, "format.js", DOCUMENT_SCRIPT)                                                \
    X(console_jobs, "jobs.js", DOCUMENT_SCRIPT)                                                    \
    X(console_live, "live.js", DOCUMENT_SCRIPT)                                                    \
    X(console_main, "main.js", DOCUMENT_SCRIPT)                                                    \
    X(console_mesh, "mesh.js", DOCUMENT_SCRIPT)                                                    \
    X(console_mesh_picture, "mesh-picture.js", DOCUMENT_SCRIPT)                                    \
    X(console_orders, "orders.js", DOCUMENT_SCRIPT)                                                \
    X(console_overview, "overview.js", DOCUMENT_SCRIPT)                                            \
    X(console_place, "place.js", DOCUMENT_SCRIPT)                                                  \
    X(console_stream, "stream.js", DOCUMENT_SCRIPT)                                                \
    X(console_system, "system.js", DOCUMENT_SCRIPT)                                                \
    X(console_timeline, "timeline.js", DOCUMENT_SCRIPT)

#define EMBED_ROW(symbol, file, type) DOCUMENT_EMBED(symbol, "gateway/pages/console/" file)
CONSOLE_TABLE(EMBED_ROW)
#undef EMBED_ROW

/* Nothing is loaded from, sent to or shown in another site, and no script but these files runs. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

static const struct document_file files[] = {
#define FILE_ROW(symbol, file, type) {file, DOCUMENT(type, policy, symbol)},
    CONSOLE_TABLE(FILE_ROW)
#undef FILE_ROW
};

void get_console_file(h2o_req_t *req, struct slice name) {
    document_send_file(req, files, sizeof(files) / sizeof(files[0]), name);
}

void get_console_page(h2o_req_t *req, struct slice id) {
    (void)id;
    get_console_file(req, SLICE_LITERAL("index.html"));
}

void get_console_redirect(h2o_req_t *req, struct slice id) {
    (void)id;
    answer_header(req, "Location", SLICE_LITERAL("/console/"));
    answer_send(req, 308, "text/plain; charset=utf-8", SLICE_LITERAL("/console/\n"));
}
