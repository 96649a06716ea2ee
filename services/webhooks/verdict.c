#include "services/webhooks/verdict.h"

#include "shared/base/backoff.h"

#include <stdio.h>

enum { GONE = 410 };
#define WAIT_MOST_MS INT64_C(3600000)

static const struct backoff waits = {.least_ms = 1000, .most_ms = WAIT_MOST_MS};

static int64_t told_ms(const struct httpc_call *call) {
    int64_t wait_ms = call->result == HTTPC_ANSWERED ? httpc_retry_after_ms(call) : -1;
    return wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS;
}

/* The answer's text is the receiver's, and may quote what was sent: only its code is kept. */
static void write_error(const struct httpc_call *call, char *text) {
    if (call->result == HTTPC_ANSWERED)
        snprintf(text, VERDICT_ERROR_SIZE, "the receiver answered %d", call->status);
    else
        snprintf(text, VERDICT_ERROR_SIZE, "%s", call->error);
}

void verdict_give(const struct delivery_facts *facts, const struct httpc_call *call,
                  struct delivery_settlement *settlement, char *error_text) {
    bool is_answered = call->result == HTTPC_ANSWERED;
    settlement->response_status = is_answered ? call->status : 0;
    settlement->is_ping = facts->is_ping;
    settlement->was_failing = facts->failures > 0;
    settlement->error = error_text;
    error_text[0] = '\0';
    if (is_answered && call->status >= 200 && call->status < 300) {
        settlement->result = RESULT_DELIVERED;
        return;
    }
    bool is_over = facts->is_ping || facts->age_s >= facts->give_up_s;
    write_error(call, error_text);
    settlement->is_gone = is_answered && call->status == GONE;
    settlement->result = is_over ? RESULT_FAILED : RESULT_PUT_OFF;
    settlement->delay_ms = backoff_jittered(&waits, facts->attempts, told_ms(call));
    settlement->rest_ms = backoff_jittered(&waits, facts->failures + 1, told_ms(call));
}
