/*
 * A notice that a message may have failed: the server's advisory that it was given up, or a
 * consumer's failure report. Anybody who may publish there can forge both, so a notice is only a
 * reason to look (examiner.h).
 *
 * Pure; what is parsed lives in the arena given.
 */
#ifndef OM_SERVICES_DLQ_INDEX_NOTICE_H
#define OM_SERVICES_DLQ_INDEX_NOTICE_H

#include "shared/base/arena.h"
#include "shared/base/status.h"

/* The end of an attempt, by the consumer's word (shared/consume/acknowledge.h). DONE
   supersedes what was reported before. */
enum report_outcome { REPORT_RETRY, REPORT_REJECT, REPORT_DONE };

struct report {
    struct slice stream;
    struct slice consumer;
    struct slice event_id;
    uint64_t sequence;
    int attempt;
    enum report_outcome outcome;
    struct slice code;
    struct slice text;
    struct slice service;
    struct slice instance;
    int64_t time_us;
    struct slice json; /* all of it, as it came */
};

/* INVALID when it is none, or when `subject` (failures.<stream>.<consumer>.<event id>) says
   otherwise than the body. */
enum status report_parse(struct slice subject, struct slice body, struct arena *arena,
                         struct report *report, struct error *error) MUST_CHECK;
/* The same without the subject, for a report that was checked before. */
enum status report_read(struct slice body, struct arena *arena, struct report *report,
                        struct error *error) MUST_CHECK;

/* The mark of a second chance that is begun (acknowledge_begin()), which is no report. */
bool report_is_mark(struct slice subject);

enum notice_kind {
    NOTICE_MAX_DELIVERIES, /* the server: all deliveries are used up */
    NOTICE_TERMINATED,     /* the server: the consumer gave it up */
    NOTICE_REPORT,         /* a final report that no advisory followed */
};

struct notice {
    enum notice_kind kind;
    struct slice stream;
    struct slice consumer;
    uint64_t sequence;
    int deliveries;
    int64_t time_us;
    const struct report *report; /* of NOTICE_REPORT; else NULL until it is looked up */
};

/* Reads $JS.EVENT.ADVISORY.CONSUMER.{MAX_DELIVERIES,MSG_TERMINATED}.<stream>.<consumer>. INVALID
   when it is malformed, or subject and body do not agree. */
enum status notice_parse_advisory(struct slice subject, struct slice body, struct arena *arena,
                                  struct notice *notice, struct error *error) MUST_CHECK;

/* A UUID in our spelling (lower case), or seq-<n>: what can be an entry's last token. */
bool event_id_is_valid(struct slice id);

#endif
