/*
 * A page of a report (shared/query/report.h) whose rows one statement finds, as an endpoint's
 * answer. A row's place is its time and an id. As the endpoint, from one thread at a time; blocks
 * as long as the statement.
 */
#ifndef OM_SHARED_SERVICE_REPORT_PAGE_H
#define OM_SHARED_SERVICE_REPORT_PAGE_H

#include "shared/json/json.h"
#include "shared/pg/pg_result.h"
#include "shared/service/service.h"

/* microseconds since 1970 as a time */
#define REPORT_TIME_SQL(us) "timestamptz 'epoch' + " us "::int8 * interval '1 microsecond'"
/* The condition, order and length of a page: $1 to $5 are the period's begin and end, the time and
   the id that the page is behind, and its length. */
#define REPORT_PAGE_SQL(at, id)                                                                    \
    " " at " >= " REPORT_TIME_SQL("$1") " AND " at " < " REPORT_TIME_SQL(                          \
        "$2") " AND (" at ", " id ") > (" REPORT_TIME_SQL("$3") ", $4::uuid) ORDER BY " at ", " id \
                                                                " LIMIT $5::int8"

struct report_page {
    const struct pg_statement *statement; /* its columns begin with the row's time and id */
    void (*write_row)(struct json_writer *w, const struct pg_result *rows, int row); /* an object */
};

/* INVALID names the member of the question that is wrong. */
enum status report_page_answer(const struct report_page *page, struct endpoint_call *call,
                               struct error *error) MUST_CHECK;

#endif
