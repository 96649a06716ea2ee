#include "shared/diagnosis/diagnosis.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/dlq_filter.h"
#include "shared/diagnosis/mesh_facts.h"
#include "shared/diagnosis/order_wait.h"

#include <ctype.h>
#include <stdlib.h>

enum { ASK_ORDER, ASK_DEAD, ASK_SERVICES, ASK_CONSUMERS };
_Static_assert(ASK_CONSUMERS + MESH_FACTS_STREAMS == DIAGNOSIS_QUESTIONS, "all are counted");

struct diagnosis {
    char order_id[UUID_TEXT_SIZE];
    struct buf bodies[DIAGNOSIS_QUESTIONS], subjects[MESH_FACTS_STREAMS];
    enum status order_status; /* of the question for it */
    bool is_accepted;
    struct json_object *order, *dead;
    struct mesh_facts *facts;
};

/* --- questions -------------------------------------------------------------------------------- */

static void write_order_question(struct diagnosis *d, const char *tenant) {
    struct json_writer w = json_writer(&d->bodies[ASK_ORDER]);
    json_begin_object(&w);
    json_put_text(&w, "orderId", d->order_id);
    json_put_text(&w, "tenant", tenant);
    json_end_object(&w);
}

static void write_dead_question(struct diagnosis *d) {
    struct json_writer w = json_writer(&d->bodies[ASK_DEAD]);
    struct dlq_filter filter = {0};
    filter.text[DLQ_FILTER_ORDER] = slice_of(d->order_id);
    filter.text[DLQ_FILTER_STATUS] = SLICE_LITERAL("any");
    json_begin_object(&w);
    dlq_filter_write(&filter, &w);
    json_put_int(&w, "limit", DLQ_LIMIT_MOST);
    json_end_object(&w);
}

struct diagnosis *diagnosis_create(const struct uuid *order_id, const char *tenant) {
    struct diagnosis *d = mem_alloc(sizeof(*d));
    uuid_format(order_id, d->order_id);
    d->order_status = STATUS_TIMEOUT;
    d->facts = mesh_facts_create();
    write_order_question(d, tenant);
    write_dead_question(d);
    for (size_t i = 0; i < MESH_FACTS_STREAMS; i++)
        buf_printf(&d->subjects[i], "$JS.API.CONSUMER.LIST.%s", mesh_facts_streams[i]);
    return d;
}

void diagnosis_destroy(struct diagnosis **diagnosis) {
    struct diagnosis *d = *diagnosis;
    *diagnosis = NULL;
    if (d == NULL)
        return;
    for (size_t i = 0; i < DIAGNOSIS_QUESTIONS; i++)
        buf_fini(&d->bodies[i]);
    for (size_t i = 0; i < MESH_FACTS_STREAMS; i++)
        buf_fini(&d->subjects[i]);
    json_object_put(d->order);
    json_object_put(d->dead);
    mesh_facts_destroy(&d->facts);
    free(d);
}

struct diagnosis_question diagnosis_question(const struct diagnosis *diagnosis, size_t index) {
    static const char *const subjects[ASK_CONSUMERS] = {
        [ASK_ORDER] = "mesh.order.get",
        [ASK_DEAD] = "mesh.dlq.list",
        [ASK_SERVICES] = "$SRV.STATS",
    };
    return (struct diagnosis_question){
        .subject = index < ASK_CONSUMERS ? subjects[index]
                                         : diagnosis->subjects[index - ASK_CONSUMERS].ptr,
        .body = buf_slice(&diagnosis->bodies[index]),
        .is_survey = index == ASK_SERVICES,
    };
}

static void keep(struct json_object **kept, struct slice body) {
    if (*kept == NULL)
        (void)!json_parse(body, kept, NULL);
}

void diagnosis_answer(struct diagnosis *diagnosis, size_t index, enum status status,
                      struct slice body) {
    if (index == ASK_ORDER)
        diagnosis->order_status = status;
    if (status != STATUS_OK)
        return;
    if (index == ASK_ORDER)
        keep(&diagnosis->order, body);
    else if (index == ASK_DEAD)
        keep(&diagnosis->dead, body);
    else if (index == ASK_SERVICES)
        mesh_facts_add_process(diagnosis->facts, body);
    else
        mesh_facts_add_consumers(diagnosis->facts, index - ASK_CONSUMERS, body);
}

void diagnosis_accept(struct diagnosis *diagnosis) {
    diagnosis->is_accepted = true;
}

/* --- the order -------------------------------------------------------------------------------- */

static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : SLICE_LITERAL("");
}

/* What is found, from which the document is written. */
struct finding {
    const struct order_wait *wait; /* NULL: it waits for nothing, or for what is not known */
    struct slice since;
    struct consumer_view views[ORDER_WAIT_CONSUMERS_MOST];
    size_t view_count;
    enum cause cause;
    const struct consumer_view *view; /* that the cause is about; NULL for none */
    struct json_object *dead;         /* the same */
    struct slice event;
};

static unsigned read_signs(struct json_object *timeline) {
    unsigned signs = 0;
    for (size_t i = 0; i < json_object_array_length(timeline); i++)
        signs |= order_sign(text_of(json_object_array_get_idx(timeline, i), "event"));
    return signs;
}

/* False: it is not one that we know how to read. */
static bool read_order(struct json_object *order, struct finding *finding) {
    struct json_object *timeline;
    enum order_status status;
    enum order_flow flow;
    if (order == NULL || !order_status_parse(text_of(order, "status"), &status) ||
        !order_flow_parse(text_of(order, "flow"), &flow) ||
        json_get_array(order, "timeline", &timeline, NULL) != STATUS_OK)
        return false;
    size_t count = json_object_array_length(timeline);
    finding->wait = order_wait_of(flow, status, read_signs(timeline));
    if (count > 0)
        finding->since = text_of(json_object_array_get_idx(timeline, count - 1), "at");
    return true;
}

/* --- judging ---------------------------------------------------------------------------------- */

static struct slice short_type(struct slice type) {
    (void)slice_take_prefix(&type, "io.ordermesh.");
    return type;
}

static void look_at(const struct diagnosis *d, const struct awaited_consumer *consumers,
                    struct finding *finding) {
    finding->cause = CAUSE_UNDER_WAY;
    for (size_t i = 0; i < ORDER_WAIT_CONSUMERS_MOST && consumers[i].name != NULL; i++) {
        struct consumer_view *view = &finding->views[finding->view_count++];
        mesh_facts_view(d->facts, &consumers[i], d->order_id, view);
        if (finding->view != NULL && view->cause >= finding->cause)
            continue;
        finding->cause = view->cause;
        finding->view = view;
        finding->event = short_type(slice_of(event_info(consumers[i].event)->type));
    }
}

static const struct consumer_view *view_of_dead(const struct finding *finding,
                                                struct json_object *entry) {
    for (size_t i = 0; i < finding->view_count; i++)
        if (slice_is(text_of(entry, "stream"), finding->views[i].stream) &&
            slice_is(text_of(entry, "consumer"), finding->views[i].name))
            return &finding->views[i];
    return NULL;
}

static enum cause cause_of_dead(struct json_object *entry) {
    struct slice status = text_of(entry, "status");
    if (slice_is(status, "dead"))
        return CAUSE_DEAD_LETTER;
    if (slice_is(status, "discarded"))
        return CAUSE_DISCARDED;
    return slice_is(status, "resolved") ? CAUSE_COUNT : CAUSE_REPLAYING;
}

/* A dead letter tells where the order's event is; all else is told of the consumer only. */
static void look_at_dead(const struct diagnosis *d, struct finding *finding) {
    struct json_object *entries;
    if (d->dead == NULL || json_get_array(d->dead, "entries", &entries, NULL) != STATUS_OK)
        return;
    for (size_t i = 0; i < json_object_array_length(entries); i++) {
        struct json_object *entry = json_object_array_get_idx(entries, i);
        const struct consumer_view *view = view_of_dead(finding, entry);
        enum cause cause = cause_of_dead(entry);
        struct slice type = short_type(text_of(entry, "type"));
        bool is_waited_out = cause == CAUSE_REPLAYING && finding->dead == NULL &&
                             finding->cause >= CAUSE_CONSUMER_BEHIND;
        if (view == NULL || (cause >= finding->cause && !is_waited_out))
            continue;
        finding->cause = cause;
        finding->view = view;
        finding->dead = entry;
        finding->event = type.len > 0 ? type : SLICE_LITERAL("its event");
    }
}

static enum status find(const struct diagnosis *d, struct finding *finding, struct error *error) {
    *finding = (struct finding){.since = SLICE_LITERAL(""), .event = SLICE_LITERAL("")};
    bool is_read = read_order(d->order, finding);
    if (is_read && finding->wait == NULL) {
        finding->cause = CAUSE_ENDED;
        return STATUS_OK;
    }
    if (d->order_status == STATUS_NOT_FOUND)
        finding->wait = &order_wait_intake;
    look_at(d, finding->wait != NULL ? finding->wait->consumers : order_wait_intake.consumers,
            finding);
    look_at_dead(d, finding);
    if (finding->cause == CAUSE_ANSWER_AWAITED)
        finding->since = finding->view->since;
    bool is_nowhere = d->order_status == STATUS_NOT_FOUND && finding->cause == CAUSE_UNDER_WAY;
    if (is_nowhere && d->is_accepted)
        finding->cause = CAUSE_ACCEPTED;
    else if (is_nowhere)
        return error_set(error, STATUS_NOT_FOUND, "there is no such order");
    if (finding->wait == NULL && finding->cause >= CAUSE_CONSUMER_BEHIND)
        finding->cause = CAUSE_ORDER_SILENT;
    else if (d->dead == NULL && finding->cause == CAUSE_UNDER_WAY)
        finding->cause = CAUSE_DLQ_SILENT;
    return STATUS_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

enum { SECONDS_LEN = 19 }; /* of a time, without its fraction */

static void put_given(struct json_writer *w, const char *key, struct slice text) {
    if (text.len > 0)
        json_put_string(w, key, text);
}

/* The schema of a stream's service is its name in lower case. */
static void write_schema(const char *stream, struct buf *out) {
    for (; *stream != '\0'; stream++)
        buf_append_char(out, (char)tolower((unsigned char)*stream));
}

static void put_cause(const struct diagnosis *d, const struct finding *finding,
                      struct json_writer *w) {
    static const struct consumer_view none = {.stream = "", .name = ""};
    const struct consumer_view *view = finding->view != NULL ? finding->view : &none;
    struct buf text = {0}, schema = {0};
    write_schema(view->stream, &schema);
    const struct cause_words words = {
        .stream = view->stream,
        .name = view->name,
        .event = finding->event,
        .service = view->service,
        .until = {view->until.ptr, view->until.len > SECONDS_LEN ? SECONDS_LEN : view->until.len},
        .since = {view->since.ptr, view->since.len > SECONDS_LEN ? SECONDS_LEN : view->since.len},
        .words = finding->cause == CAUSE_ANSWER_AWAITED ? view->awaited : view->words,
        .entry = text_of(finding->dead, "id"),
        .why = text_of(finding->dead, "error"),
        .schema = buf_slice(&schema),
        .order = slice_of(d->order_id),
        .waiting = view->waiting,
        .in_hand = view->in_hand,
    };
    json_put_text(w, "cause", cause_name(finding->cause));
    cause_say(finding->cause, &words, &text);
    json_put_string(w, "summary", buf_slice(&text));
    buf_clear(&text);
    cause_say_what_to_do(finding->cause, &words, &text);
    json_put_string(w, "whatToDo", buf_slice(&text));
    buf_fini(&text);
    buf_fini(&schema);
    if (finding->view == NULL)
        return;
    json_key(w, "consumer");
    json_begin_object(w);
    json_put_text(w, "stream", view->stream);
    json_put_text(w, "name", view->name);
    json_end_object(w);
}

static void put_view(const struct finding *finding, size_t index, enum event_type event,
                     struct json_writer *w) {
    const struct consumer_view *view = &finding->views[index];
    enum cause cause =
        finding->dead != NULL && view == finding->view ? finding->cause : view->cause;
    bool is_there = view->cause != CAUSE_BROKER_SILENT && view->cause != CAUSE_STREAM_MISSING &&
                    view->cause != CAUSE_CONSUMER_MISSING;
    json_begin_object(w);
    json_put_text(w, "stream", view->stream);
    json_put_text(w, "name", view->name);
    json_put_string(w, "service", view->service);
    json_put_text(w, "event", event_info(event)->type);
    json_put_text(w, "state", cause == CAUSE_UNDER_WAY ? "ok" : cause_name(cause));
    if (is_there) {
        json_put_int(w, "waiting", view->waiting);
        json_put_int(w, "inHand", view->in_hand);
    }
    json_put_int(w, "processes", view->processes);
    put_given(w, "pausedUntil", view->until);
    put_given(w, "notReady", view->words);
    json_end_object(w);
}

static void put_views(const struct finding *finding, struct json_writer *w) {
    const struct order_wait *wait = finding->wait != NULL ? finding->wait : &order_wait_intake;
    json_key(w, "consumers");
    json_begin_array(w);
    for (size_t i = 0; i < finding->view_count; i++)
        put_view(finding, i, wait->consumers[i].event, w);
    json_end_array(w);
}

enum status diagnosis_write(const struct diagnosis *diagnosis, int64_t now_us, struct buf *out,
                            struct error *error) {
    struct json_object *entries;
    struct finding finding;
    char now[RFC3339_SIZE];
    enum status status = find(diagnosis, &finding, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(out);
    clock_format(now_us, now);
    json_begin_object(&w);
    json_put_text(&w, "orderId", diagnosis->order_id);
    json_put_text(&w, "at", now);
    put_given(&w, "status", text_of(diagnosis->order, "status"));
    put_given(&w, "reason", text_of(diagnosis->order, "reason"));
    if (finding.wait != NULL)
        json_put_text(&w, "waitsFor", finding.wait->what);
    put_given(&w, "since", finding.since);
    put_cause(diagnosis, &finding, &w);
    put_views(&finding, &w);
    if (diagnosis->dead != NULL &&
        json_get_array(diagnosis->dead, "entries", &entries, NULL) == STATUS_OK)
        json_put_raw(&w, "deadLetters",
                     slice_of(json_object_to_json_string_ext(
                         entries, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
    json_end_object(&w);
    return STATUS_OK;
}
