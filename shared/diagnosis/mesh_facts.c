#include "shared/diagnosis/mesh_facts.h"

#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "shared/nats/consumer_info.h"
#include "shared/nats/jetstream_code.h"

#include <stdlib.h>
#include <string.h>

const char *const mesh_facts_streams[] = {"COMMANDS", "ORDERS", "INVENTORY", "PAYMENTS",
                                          "SHIPPING"};

enum knowledge { UNKNOWN, MISSING, KNOWN };

struct mesh_facts {
    enum knowledge knowledge[MESH_FACTS_STREAMS];
    struct json_object *consumers; /* of all streams */
    struct json_object *processes;
};

struct mesh_facts *mesh_facts_create(void) {
    struct mesh_facts *facts = mem_alloc(sizeof(*facts));
    facts->consumers = json_object_new_array();
    facts->processes = json_object_new_array();
    return facts;
}

void mesh_facts_destroy(struct mesh_facts **facts) {
    struct mesh_facts *f = *facts;
    *facts = NULL;
    if (f == NULL)
        return;
    json_object_put(f->consumers);
    json_object_put(f->processes);
    free(f);
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : SLICE_LITERAL("");
}

static int64_t number_of(struct json_object *object, const char *key) {
    int64_t number = 0;
    (void)!json_get_int64(object, key, &number, NULL);
    return number;
}

static bool is_true(struct json_object *object, const char *key) {
    struct json_object *value;
    return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

void mesh_facts_add_consumers(struct mesh_facts *facts, size_t stream, struct slice answer) {
    struct json_object *root = NULL, *refused, *items;
    if (json_parse(answer, &root, NULL) != STATUS_OK)
        return;
    if (json_get_object(root, "error", &refused, NULL) == STATUS_OK) {
        if (number_of(refused, "err_code") == JETSTREAM_STREAM_NOT_FOUND)
            facts->knowledge[stream] = MISSING;
    } else {
        facts->knowledge[stream] = KNOWN;
        /* an empty list may be null */
        if (json_get_array(root, "consumers", &items, NULL) == STATUS_OK)
            for (size_t i = 0; i < json_object_array_length(items); i++)
                json_object_array_add(facts->consumers,
                                      json_object_get(json_object_array_get_idx(items, i)));
    }
    json_object_put(root);
}

void mesh_facts_add_process(struct mesh_facts *facts, struct slice answer) {
    struct json_object *root = NULL;
    if (json_parse(answer, &root, NULL) == STATUS_OK)
        json_object_array_add(facts->processes, root);
}

/* --- judging ---------------------------------------------------------------------------------- */

static enum knowledge knowledge_of(const struct mesh_facts *facts, const char *stream) {
    for (size_t i = 0; i < MESH_FACTS_STREAMS; i++)
        if (strcmp(mesh_facts_streams[i], stream) == 0)
            return facts->knowledge[i];
    return UNKNOWN;
}

static struct json_object *find_consumer(const struct mesh_facts *facts, const char *stream,
                                         const char *name) {
    for (size_t i = 0; i < json_object_array_length(facts->consumers); i++) {
        struct json_object *consumer = json_object_array_get_idx(facts->consumers, i);
        if (slice_is(text_of(consumer, "stream_name"), stream) &&
            slice_is(text_of(consumer, "name"), name))
            return consumer;
    }
    return NULL;
}

/* A process says what it waits for first, which may be another consumer of it: "ORDERS/payment
   waits: ...". */
static bool is_about_another(struct slice words, const char *stream, const char *name) {
    struct slice rest = words, first = slice_take_until(&rest, ' ');
    struct slice its_name = first, its_stream = slice_take_until(&its_name, '/');
    bool is_of_consumer = its_name.ptr != NULL && slice_take_prefix(&rest, "waits: ");
    return is_of_consumer && !(slice_is(its_stream, stream) && slice_is(its_name, name));
}

/* The relay of one process publishes for all: "the relay waits: the stream INVENTORY refuses: ..."
 */
static bool is_unpublished(struct slice words) {
    return slice_take_prefix(&words, "the relay waits: the stream ");
}

/* Counts the service's processes; `words` are those of one where none is ready, or where its relay
   cannot publish. */
static void ask_processes(const struct mesh_facts *facts, struct consumer_view *view) {
    bool is_ready = false;
    struct slice unpublished = SLICE_LITERAL("");
    for (size_t i = 0; i < json_object_array_length(facts->processes); i++) {
        struct json_object *process = json_object_array_get_idx(facts->processes, i);
        struct slice words = text_of(process, "not_ready");
        if (!slice_equal(text_of(process, "name"), view->service))
            continue;
        view->processes++;
        is_ready |= words.len == 0;
        if (is_unpublished(words))
            unpublished = words;
        if (view->words.len == 0 || is_about_another(view->words, view->stream, view->name))
            view->words = words;
    }
    if (is_ready || unpublished.len > 0)
        view->words = unpublished;
}

/* What waits at a consumer is held also where its process names another one. */
static bool is_held(const struct consumer_view *view) {
    return view->words.len > 0 && (view->waiting > 0 || view->in_hand > 0 ||
                                   !is_about_another(view->words, view->stream, view->name));
}

static enum cause judge(const struct consumer_view *view, bool is_paused) {
    if (is_paused)
        return CAUSE_CONSUMER_PAUSED;
    if (view->processes == 0)
        return CAUSE_SERVICE_AWAY;
    if (is_unpublished(view->words))
        return CAUSE_OUTBOX_WAITS;
    if (is_held(view))
        return CAUSE_HELD;
    if (view->waiting > 0)
        return CAUSE_CONSUMER_BEHIND;
    return view->in_hand > 0 ? CAUSE_AT_WORK : CAUSE_UNDER_WAY;
}

static bool is_consumer(struct slice text, const struct consumer_view *view) {
    struct slice name = text, stream = slice_take_until(&name, '/');
    return name.ptr != NULL && slice_is(stream, view->stream) && slice_is(name, view->name);
}

/* Whether a process has the order's event in hand and waits for an answer. */
static bool find_awaited(const struct mesh_facts *facts, const char *order_id,
                         struct consumer_view *view) {
    struct json_object *awaits;
    for (size_t i = 0; i < json_object_array_length(facts->processes); i++) {
        struct json_object *process = json_object_array_get_idx(facts->processes, i);
        if (json_get_array(process, "awaits", &awaits, NULL) != STATUS_OK)
            continue;
        for (size_t j = 0; j < json_object_array_length(awaits); j++) {
            struct json_object *one = json_object_array_get_idx(awaits, j);
            if (!slice_is(text_of(one, "orderId"), order_id) ||
                !is_consumer(text_of(one, "consumer"), view))
                continue;
            view->since = text_of(one, "since");
            view->awaited = text_of(one, "words");
            return true;
        }
    }
    return false;
}

static bool is_left_out(struct json_object *config, const struct awaited_consumer *awaited) {
    return config != NULL && !consumer_takes(config, slice_of(event_info(awaited->event)->subject));
}

static enum cause judge_known(const struct mesh_facts *facts,
                              const struct awaited_consumer *awaited, const char *order_id,
                              struct consumer_view *view) {
    struct json_object *config = NULL;
    struct json_object *consumer = find_consumer(facts, awaited->stream, awaited->name);
    if (consumer == NULL)
        return CAUSE_CONSUMER_MISSING;
    view->waiting = number_of(consumer, "num_pending");
    view->in_hand = number_of(consumer, "num_ack_pending");
    bool is_paused = is_true(consumer, "paused");
    (void)!json_get_object(consumer, "config", &config, NULL);
    if (is_paused && config != NULL)
        view->until = text_of(config, "pause_until");
    if (find_awaited(facts, order_id, view))
        return CAUSE_ANSWER_AWAITED;
    return is_left_out(config, awaited) ? CAUSE_CONSUMER_FILTERED : judge(view, is_paused);
}

void mesh_facts_view(const struct mesh_facts *facts, const struct awaited_consumer *awaited,
                     const char *order_id, struct consumer_view *view) {
    struct slice rest = slice_of(awaited->name);
    *view = (struct consumer_view){
        .stream = awaited->stream,
        .name = awaited->name,
        .service = slice_take_until(&rest, '-'),
        .until = SLICE_LITERAL(""),
        .words = SLICE_LITERAL(""),
        .since = SLICE_LITERAL(""),
        .awaited = SLICE_LITERAL(""),
    };
    ask_processes(facts, view);
    switch (knowledge_of(facts, awaited->stream)) {
    case UNKNOWN:
        view->cause = CAUSE_BROKER_SILENT;
        return;
    case MISSING:
        view->cause = CAUSE_STREAM_MISSING;
        return;
    case KNOWN:
        view->cause = judge_known(facts, awaited, order_id, view);
    }
}
