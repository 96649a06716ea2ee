#include "gateway/pages/problem_pages.h"

#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"

/* The columns of the table that a page shows. */
static const struct page {
    const char *name;
    int status;
    const char *title, *happened, *remedy;
} pages[] = {
#define PAGE_ROW(id, name, status, retry_after_s, title, happened, remedy)                         \
    {name, status, title, happened, remedy},
    PROBLEM_TABLE(PAGE_ROW)
#undef PAGE_ROW
};

static void begin(struct buf *out, const char *title) {
    buf_append_text(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    buf_append_text(out, title);
    buf_append_text(out, "</title>\n<style>:root{color-scheme:light dark}"
                         "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;"
                         "margin:3rem auto;padding:0 1rem}</style>\n<h1>");
    buf_append_text(out, title);
    buf_append_text(out, "</h1>\n");
}

/* The table's texts are ours, but they quote. */
static void paragraph(struct buf *out, const char *text) {
    buf_append_text(out, "<p>");
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            buf_append_text(out, "&amp;");
            break;
        case '<':
            buf_append_text(out, "&lt;");
            break;
        default:
            buf_append_char(out, *text);
        }
    buf_append_text(out, "</p>\n");
}

static void send_page(h2o_req_t *req, struct buf *page) {
    answer_header(req, "Content-Security-Policy",
                  SLICE_LITERAL("default-src 'none'; style-src 'unsafe-inline'"));
    answer_send(req, 200, "text/html; charset=utf-8", buf_slice(page));
    buf_fini(page);
}

void get_problem_index(h2o_req_t *req, struct slice id) {
    (void)id;
    struct buf out = {0};
    begin(&out, "Problems");
    buf_append_text(&out, "<ul>\n");
    for (size_t i = 0; i < PROBLEM_COUNT; i++)
        buf_printf(&out, "<li><a href=\"" PROBLEM_TYPE_PREFIX "%s\">%s</a> (%d)\n", pages[i].name,
                   pages[i].title, pages[i].status);
    buf_append_text(&out, "</ul>\n");
    send_page(req, &out);
}

void get_problem_page(h2o_req_t *req, struct slice id) {
    size_t i = 0;
    while (i < PROBLEM_COUNT && !slice_is(id, pages[i].name))
        i++;
    if (i == PROBLEM_COUNT) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    struct buf out = {0};
    begin(&out, pages[i].title);
    buf_printf(&out, "<p>HTTP status %d</p>\n<h2>What happened</h2>\n", pages[i].status);
    paragraph(&out, pages[i].happened);
    buf_append_text(&out, "<h2>What to do</h2>\n");
    paragraph(&out, pages[i].remedy);
    buf_append_text(&out, "<p><a href=\"/problems\">All problems</a></p>\n");
    send_page(req, &out);
}
