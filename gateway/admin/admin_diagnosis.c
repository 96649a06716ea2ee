#include "gateway/admin/admin_diagnosis.h"

#include "gateway/lane/pending.h"
#include "gateway/link/broker.h"
#include "gateway/orders/order_marker.h"
#include "gateway/reply/query.h"
#include "gateway/reply/request.h"
#include "shared/base/clock.h"
#include "shared/diagnosis/diagnosis.h"

struct diagnosis_get;

struct asked {
    struct diagnosis_get *get;
    size_t index;
};

struct diagnosis_get {
    struct pending pending;
    struct uuid order_id;
    struct diagnosis *diagnosis;
    struct asked asked[DIAGNOSIS_QUESTIONS];
    int due;             /* questions that have not ended */
    enum status failure; /* one could not be sent */
};

static void dispose(void *closure) {
    struct diagnosis_get *get = closure;
    diagnosis_destroy(&get->diagnosis);
}

/* What nobody in the mesh knows, Redis may: it was accepted a moment ago, or the broker lost it. */
static void on_marker(void *closure, enum status status) {
    struct diagnosis_get *get = closure;
    struct error error;
    struct buf out = {0};
    if (status == STATUS_OK) {
        diagnosis_accept(get->diagnosis);
        status = diagnosis_write(get->diagnosis, clock_now_us(), &out, &error);
    }
    if (status == STATUS_OK)
        pending_answer(get, 200, buf_slice(&out));
    else
        pending_refuse(get, problem_of(status), NULL);
    buf_fini(&out);
}

static void end_one(struct diagnosis_get *get) {
    struct error error;
    struct buf out = {0};
    if (--get->due > 0)
        return;
    enum status status = get->failure;
    if (status == STATUS_OK)
        status = diagnosis_write(get->diagnosis, clock_now_us(), &out, &error);
    if (status == STATUS_OK)
        pending_answer(get, 200, buf_slice(&out));
    else if (status == STATUS_NOT_FOUND)
        order_marker_find(&get->pending, &get->order_id, on_marker, get);
    else
        pending_refuse(get, problem_of(status), NULL);
    buf_fini(&out);
}

/* A survey goes on with each answer that is OK. */
static void on_answer(void *closure, const struct broker_answer *answer) {
    const struct asked *asked = closure;
    struct diagnosis *diagnosis = asked->get->diagnosis;
    bool goes_on =
        diagnosis_question(diagnosis, asked->index).is_survey && answer->status == STATUS_OK;
    diagnosis_answer(diagnosis, asked->index, answer->status, answer->body);
    if (!goes_on)
        end_one(asked->get);
}

static void ask(struct diagnosis_get *get, size_t index) {
    struct broker_lane *broker = get->pending.lane->broker;
    struct diagnosis_question question = diagnosis_question(get->diagnosis, index);
    char traceparent[TRACEPARENT_SIZE];
    get->asked[index] = (struct asked){get, index};
    trace_format(pending_trace(&get->pending), traceparent);
    const struct broker_question request = {question.subject, traceparent, question.body};
    enum status status =
        question.is_survey ? broker_survey(broker, question.subject, on_answer, &get->asked[index])
                           : broker_request(broker, &request, on_answer, &get->asked[index]);
    if (status == STATUS_OK)
        get->due++;
    else
        get->failure = status;
}

void get_diagnosis(h2o_req_t *req, struct slice id) {
    struct uuid order_id;
    if (!uuid_parse(id, &order_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    if (query_of(req).len > 0) {
        problem_send(req, PROBLEM_INVALID_QUERY, "there are no parameters here");
        return;
    }
    struct diagnosis_get *get = pending_create(req, sizeof(*get), dispose);
    get->order_id = order_id;
    get->diagnosis = diagnosis_create(&order_id, get->pending.caller.tenant);
    get->due = 1; /* this */
    for (size_t i = 0; i < DIAGNOSIS_QUESTIONS; i++)
        ask(get, i);
    end_one(get);
}
