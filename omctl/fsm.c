#include "omctl/fsm.h"

#include "services/order/life/order_fsm.h"
#include "shared/json/json.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned bit;
    const char *name;
} actions[] = {
#define ACTION_NAME(id, bit, name) {bit, name},
    ORDER_ACTION_TABLE(ACTION_NAME)
#undef ACTION_NAME
};

static const struct {
    unsigned bit;
    const char *name;
} steps[] = {
#define STEP_NAME(id, bit, name) {bit, name},
    ORDER_STEP_TABLE(STEP_NAME)
#undef STEP_NAME
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const enum order_flow flows[] = {FLOW_INVENTORY_FIRST, FLOW_PAYMENT_FIRST, FLOW_PARALLEL};
#define ALL_FLOWS (1u << FLOW_INVENTORY_FIRST | 1u << FLOW_PAYMENT_FIRST | 1u << FLOW_PARALLEL)

/* "payment.failed" of "io.ordermesh.payment.failed". */
static const char *short_name(enum event_type event) {
    static const char prefix[] = "io.ordermesh.";
    const char *name = order_fsm_event_name(event);
    return strncmp(name, prefix, sizeof(prefix) - 1) == 0 ? name + sizeof(prefix) - 1 : name;
}

/* --- JSON --- */

static void write_flows(struct json_writer *w, unsigned bits) {
    json_key(w, "flows");
    json_begin_array(w);
    for (size_t i = 0; i < COUNT(flows); i++)
        if (bits & 1u << flows[i])
            json_string(w, slice_of(order_flow_name(flows[i])));
    json_end_array(w);
}

static void write_from(struct json_writer *w, unsigned bits) {
    json_key(w, "from");
    json_begin_array(w);
    for (int i = 0; i < ORDER_STATUS_COUNT; i++)
        if (bits & 1u << i)
            json_string(w, slice_of(order_status_name((enum order_status)i)));
    json_end_array(w);
}

static void write_steps(struct json_writer *w, const char *key, unsigned bits) {
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < COUNT(steps); i++)
        if (bits & steps[i].bit)
            json_string(w, slice_of(steps[i].name));
    json_end_array(w);
}

static void write_actions(struct json_writer *w, unsigned bits) {
    json_key(w, "actions");
    json_begin_array(w);
    for (size_t i = 0; i < COUNT(actions); i++)
        if (bits & actions[i].bit)
            json_string(w, slice_of(actions[i].name));
    json_end_array(w);
}

static void write_row(struct json_writer *w, const struct order_transition *row) {
    json_begin_object(w);
    write_flows(w, row->flows);
    write_from(w, row->statuses);
    json_put_text(w, "event", order_fsm_event_name(row->event));
    write_steps(w, "needs", row->needs);
    json_key(w, "to");
    if (row->next == ORDER_STAY)
        json_null(w);
    else
        json_string(w, slice_of(order_status_name((enum order_status)row->next)));
    write_steps(w, "sets", row->sets);
    write_actions(w, row->actions);
    json_put_text(w, "why", row->why);
    json_end_object(w);
}

static void write_statuses(struct json_writer *w) {
    json_key(w, "statuses");
    json_begin_array(w);
    for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
        json_begin_object(w);
        json_put_text(w, "name", order_status_name((enum order_status)i));
        json_put_bool(w, "final", order_status_is_final((enum order_status)i));
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_json(struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    write_statuses(&w);
    json_key(&w, "transitions"); /* the first that fits counts */
    json_begin_array(&w);
    for (size_t i = 0; i < order_fsm_row_count; i++)
        write_row(&w, &order_fsm_rows[i]);
    json_end_array(&w);
    json_end_object(&w);
    buf_append_char(out, '\n');
}

/* --- Mermaid --- */

/* The picture leaves out what changes nothing: repeats, and facts that come after the decision. */
static bool is_drawn(const struct order_transition *row) {
    return row->next != ORDER_STAY || row->flows != ALL_FLOWS || (row->actions & ORDER_STOP);
}

static void draw_edge(struct buf *out, enum order_status from, const struct order_transition *row) {
    enum order_status to = row->next == ORDER_STAY ? from : (enum order_status)row->next;
    buf_printf(out, "    %s --> %s: %s", order_status_name(from), order_status_name(to),
               short_name(row->event));
    for (size_t i = 0; i < COUNT(steps); i++)
        if (row->needs & steps[i].bit)
            buf_printf(out, " when %s", steps[i].name);
    for (size_t i = 0; i < COUNT(flows); i++)
        if (row->flows != ALL_FLOWS && (row->flows & 1u << flows[i]))
            buf_printf(out, " in %s", order_flow_name(flows[i]));
    buf_append_char(out, '\n');
}

static void write_mermaid(struct buf *out) {
    buf_append_text(out, "stateDiagram-v2\n    [*] --> PENDING: order.created\n");
    for (size_t i = 0; i < order_fsm_row_count; i++) {
        const struct order_transition *row = &order_fsm_rows[i];
        for (int from = 0; from < ORDER_STATUS_COUNT && is_drawn(row); from++)
            if (row->statuses & 1u << from)
                draw_edge(out, (enum order_status)from, row);
    }
    for (int i = 0; i < ORDER_STATUS_COUNT; i++)
        if (order_status_is_final((enum order_status)i))
            buf_printf(out, "    %s --> [*]\n", order_status_name((enum order_status)i));
}

int fsm_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    const char *format = "mermaid";
    const struct command_option options[] = {{.name = "--format", .value = &format}};
    struct error error;
    struct buf out = {0};
    if (command_parse(options, COUNT(options), argc, argv, &error) != STATUS_OK) {
        (void)command_failed("fsm", &error);
        return COMMAND_USAGE;
    }
    if (strcmp(format, "json") == 0) {
        write_json(&out);
    } else if (strcmp(format, "mermaid") == 0) {
        write_mermaid(&out);
    } else {
        fprintf(stderr, "fsm: --format is mermaid or json\n");
        return COMMAND_USAGE;
    }
    fputs(out.ptr, stdout);
    buf_fini(&out);
    return COMMAND_DONE;
}
