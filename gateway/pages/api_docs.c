#include "gateway/pages/api_docs.h"

#include "gateway/pages/document.h"

DOCUMENT_EMBED(openapi, "docs/openapi.yaml")

/* symbol, file, type */
#define DOCS_TABLE(X)                                                                              \
    X(docs_index, "index.html", DOCUMENT_HTML)                                                     \
    X(docs_style, "docs.css", DOCUMENT_CSS)                                                        \
    X(docs_main, "docs.js", DOCUMENT_SCRIPT)                                                       \
    X(docs_schema, "schema.js", DOCUMENT_SCRIPT)                                                   \
    X(docs_yaml, "yaml.js", DOCUMENT_SCRIPT)

#define EMBED_ROW(symbol, file, type) DOCUMENT_EMBED(symbol, "gateway/pages/docs/" file)
DOCS_TABLE(EMBED_ROW)
#undef EMBED_ROW

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
                             "connect-src 'self'; img-src data:; base-uri 'none'; "
                             "form-action 'none'; frame-ancestors 'none'";

static const struct document_file files[] = {
#define FILE_ROW(symbol, file, type) {file, DOCUMENT(type, policy, symbol)},
    DOCS_TABLE(FILE_ROW)
#undef FILE_ROW
};

void get_openapi(h2o_req_t *req, struct slice id) {
    static const struct document document = DOCUMENT("application/yaml", NULL, openapi);
    (void)id;
    document_send(req, &document);
}

void get_docs_page(h2o_req_t *req, struct slice id) {
    (void)id;
    get_docs_file(req, SLICE_LITERAL("index.html"));
}

void get_docs_file(h2o_req_t *req, struct slice name) {
    document_send_file(req, files, sizeof(files) / sizeof(files[0]), name);
}
