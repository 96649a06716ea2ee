#include "gateway/console.h"

#include "gateway/answer.h"
#include "gateway/document.h"
#include "gateway/problem.h"

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define SVG "image/svg+xml"

/* symbol, file, type; a test compares it with the folder. */
#define CONSOLE_TABLE(X)                                                                           \
    X(console_index, "index.html", HTML)                                                           \
    X(console_style, "console.css", CSS)                                                           \
    X(console_icon, "icon.svg", SVG)                                                               \
    X(console_api, "api.js", SCRIPT)                                                               \
    X(console_charts, "charts.js", SCRIPT)                                                         \
    X(console_dead_letter, "dead-letter.js", SCRIPT)                                               \
    X(console_dead_letters, "dead-letters.js", SCRIPT)                                             \
    X(console_dom, "dom.js", SCRIPT)                                                               \
    X(console_format, "format.js", SCRIPT)                                                         \
    X(console_live, "live.js", SCRIPT)                                                             \
    X(console_main, "main.js", SCRIPT)                                                             \
    X(console_mesh, "mesh.js", SCRIPT)                                                             \
    X(console_orders, "orders.js", SCRIPT)                                                         \
    X(console_overview, "overview.js", SCRIPT)                                                     \
    X(console_place, "place.js", SCRIPT)                                                           \
    X(console_stream, "stream.js", SCRIPT)                                                         \
    X(console_timeline, "timeline.js", SCRIPT)

#define EMBED_ROW(symbol, file, type) DOCUMENT_EMBED(symbol, "gateway/console/" file)
CONSOLE_TABLE(EMBED_ROW)
#undef EMBED_ROW

/* Nothing is loaded from, sent to or shown in another site, and no script but these files runs. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

static const struct {
    const char *name;
    struct document document;
} files[] = {
#define FILE_ROW(symbol, file, type) {file, {type, policy, symbol##_begin, symbol##_end}},
    CONSOLE_TABLE(FILE_ROW)
#undef FILE_ROW
};

void get_console_file(h2o_req_t *req, struct slice name) {
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (slice_is(name, files[i].name)) {
            document_send(req, &files[i].document);
            return;
        }
    }
    problem_send(req, PROBLEM_NOT_FOUND, NULL);
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
