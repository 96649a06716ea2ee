/*
 * Reports: what there was in a period, row by row, as CSV or as JSON lines. A service answers by
 * the page, {"rows":[{...}],"nextCursor"?} ("orders" for "rows" in that of orders); who writes a
 * report out asks for one page after the other and keeps none.
 *
 * The first two columns are a row's place, its time and a name: a report goes on behind any row
 * that was read, by "after": "<time>/<name>". Rows are in the order of their places, which never
 * change, so that what was read before and what comes after fit together.
 *
 * CSV is RFC 4180's, with CRLF and a header line; a text that spreadsheets would take for a formula
 * (it begins with =, +, -, @, a tab or CR) has an apostrophe before it. Times are UTC, amounts
 * integers of minor units beside their currency. Pure; thread safe.
 */
#ifndef OM_SHARED_QUERY_REPORT_H
#define OM_SHARED_QUERY_REPORT_H

#include "shared/base/buf.h"
#include "shared/contract/period.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"

#define REPORT_COLUMNS_MOST 12
#define REPORT_PAGE_ROWS 200

struct report_kind {
    const char *name;    /* "orders" */
    const char *subject; /* of the service's endpoint */
    const char *rows;    /* the member that has them */
    const char *columns[REPORT_COLUMNS_MOST + 1];
};

/* NULL when there is none of that name. */
const struct report_kind *report_kind_find(struct slice name);
extern const struct report_kind report_kinds[];
extern const size_t report_kind_count;

enum report_format { REPORT_CSV, REPORT_NDJSON };
bool report_format_parse(struct slice text, enum report_format *format); /* "csv", "ndjson" */
const char *report_content_type(enum report_format format);

/* Appends the line that names the columns; nothing in JSON lines. */
void report_write_head(const struct report_kind *kind, enum report_format format, struct buf *out);
/* Appends a line for each row of the page. `cursor` borrows from `page`, and is empty behind the
   last page. INVALID: it is no page. */
enum status report_write_page(const struct report_kind *kind, enum report_format format,
                              struct json_object *page, struct buf *out, struct slice *cursor,
                              struct error *error) MUST_CHECK;

/* A report as somebody wants it; texts borrow. */
struct report_request {
    struct slice tenant;
    struct period period;
    struct slice after;  /* a place, or empty */
    struct slice cursor; /* of the page before, or empty */
};
/* Appends the question for its next page. */
void report_write_question(const struct report_request *request, struct buf *out);

/* A page as a service is asked for it: {"from","to","granularity"?,"after"?,"cursor"?,"limit"?}.
   The cursors of the services that read it so are places, as "after" is. */
struct report_question {
    int64_t from_us, to_us;
    struct slice granularity; /* or empty */
    int64_t after_us;         /* rows behind this place; -1: all */
    struct slice after_name;
    int64_t limit;
};
/* Texts borrow from `question`. INVALID names the member that is wrong. */
enum status report_question_read(struct json_object *question, struct report_question *read,
                                 struct error *error) MUST_CHECK;
/* "<time>/<name>"; the name may be anything without control characters. */
bool report_place_parse(struct slice text, int64_t *at_us, struct slice *name);
/* Write "nextCursor": behind what has this time and name, or id. */
void report_put_next(struct json_writer *w, int64_t at_us, struct slice name);
void report_put_next_id(struct json_writer *w, int64_t at_us, const struct uuid *id);

#endif
