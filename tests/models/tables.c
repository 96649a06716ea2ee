/*
 * Prints the tables of the saga as Promela, for the models: om-model-tables > tables.pml.
 *
 * The rows of services/order/life/order_fsm.c in their order, so that the first that fits counts;
 * what payment_fsm_step() and payment_fsm_end() say of every argument; and which event the handlers
 * of inventory and payment want in which flow. A model drops a row by defining its KEEPS_... as
 * false.
 */
#include "services/inventory/handler.h"
#include "services/order/life/order_fsm.h"
#include "services/payment/handler.h"
#include "services/payment/payment_fsm.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- names --- */

static const char *const event_names[ORDER_EVENT_COUNT] = {
#define EVENT_NAME(id, ...) [EVENT_##id] = "EVENT_" #id,
    EVENT_TABLE(EVENT_NAME)
#undef EVENT_NAME
        [ORDER_TIME_UP] = "ORDER_TIME_UP",
    [ORDER_KEY_TAKEN] = "ORDER_KEY_TAKEN",
    [ORDER_MAY_START] = "ORDER_MAY_START",
    [ORDER_UNPAID] = "ORDER_UNPAID",
    [ORDER_RETURN_WANTED] = "ORDER_RETURN_WANTED",
    [ORDER_RETURN_RECEIVED] = "ORDER_RETURN_RECEIVED",
    [ORDER_RETURN_REFUSED] = "ORDER_RETURN_REFUSED",
    [ORDER_LINES_WANTED] = "ORDER_LINES_WANTED",
    [ORDER_LINES_STOPPED] = "ORDER_LINES_STOPPED",
    [ORDER_LINES_SENT] = "ORDER_LINES_SENT",
};

static void print_name(const char *prefix, const char *text, int value) {
    printf("#define %s%s %d\n", prefix, text, value);
}

/* The models keep sets of events in one number each, so that those of no order's life get none;
   neither do those of returns, which change nothing but an order that has ended, nor those of
   cancelled lines, which change no status. */
static bool is_of_saga(int event) {
    switch (event) {
    case EVENT_PRODUCT_CHANGED:
    case EVENT_ORDER_RETURNED:
    case ORDER_RETURN_WANTED:
    case ORDER_RETURN_RECEIVED:
    case ORDER_RETURN_REFUSED:
    case EVENT_ORDER_LINES_STOP_REQUESTED:
    case EVENT_ORDER_LINES_CANCELLED:
    case ORDER_LINES_WANTED:
    case ORDER_LINES_STOPPED:
    case ORDER_LINES_SENT:
        return false;
    default:
        return event >= EVENT_TYPE_COUNT ||
               strcmp(event_info((enum event_type)event)->source, "notification") != 0;
    }
}

static void print_names(void) {
    int number = 0;
    for (int i = 0; i < ORDER_EVENT_COUNT; i++) {
        if (is_of_saga(i))
            print_name("", event_names[i], number++);
    }
#define FLOW_NAME(flow) print_name("", #flow, flow);
    FLOW_NAME(FLOW_INVENTORY_FIRST)
    FLOW_NAME(FLOW_PAYMENT_FIRST)
    FLOW_NAME(FLOW_PARALLEL)
#undef FLOW_NAME
#define STATUS_NAME(name, is_final) print_name("ORDER_", #name, ORDER_##name);
    ORDER_STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
#define STEP_NAME(id, bit, name) print_name("STEP_", #id, bit);
    ORDER_STEP_TABLE(STEP_NAME)
#undef STEP_NAME
#define ACTION_NAME(id, bit, name) print_name("ORDER_", #id, bit);
    ORDER_ACTION_TABLE(ACTION_NAME)
#undef ACTION_NAME
#define PAYMENT_NAME(name) print_name("PAYMENT_", #name, PAYMENT_##name);
    PAYMENT_STATUS_TABLE(PAYMENT_NAME)
#undef PAYMENT_NAME
}

/* KEEPS_AN_OLDER_ORDER_HAS_ITS_KEY: a row's reason as a name. */
static void print_keeps(const char *why) {
    printf("KEEPS_");
    for (; *why != '\0'; why++)
        putchar(isalnum((unsigned char)*why) ? toupper((unsigned char)*why) : '_');
}

static void print_keeps_default(const char *why) {
    printf("#ifndef ");
    print_keeps(why);
    printf("\n#define ");
    print_keeps(why);
    printf(" true\n#endif\n");
}

/* --- the order's table --- */

/* As Promela's `(1 << x) & bits`, where not all of them fit. */
static void print_one_of(const char *variable, unsigned bits, unsigned count) {
    const char *separator = "";
    if (bits == (1u << count) - 1)
        return;
    printf(" && (");
    for (unsigned i = 0; i < count; i++) {
        if (bits & 1u << i) {
            printf("%s%s == %u", separator, variable, i);
            separator = " || ";
        }
    }
    printf(")");
}

static void print_order_row(const struct order_transition *row) {
    printf("    if\n    :: (");
    print_keeps(row->why);
    print_one_of("flow", row->flows, 3);
    print_one_of("status", row->statuses, ORDER_STATUS_COUNT);
    if (row->needs != 0)
        printf(" && (steps & %u) == %u", row->needs, row->needs);
    printf(") -> /* %s */ ", row->why);
    if (row->next != ORDER_STAY)
        printf("status = %d; ", row->next);
    if (row->sets != 0)
        printf("steps = steps | %u; ", row->sets);
    printf("actions = %u\n    :: else ->\n", row->actions);
}

/* One branch for each event; within it each row is the last one's `else`. */
static void print_order_table(void) {
    for (size_t i = 0; i < order_fsm_row_count; i++)
        print_keeps_default(order_fsm_rows[i].why);
    printf("\n/* order_fsm_step(): NO_ROW where none fits. */\n#define NO_ROW 4096\n"
           "inline order_fsm(event) {\n  if\n");
    for (int event = 0; event < ORDER_EVENT_COUNT; event++) {
        size_t rows = 0;
        for (size_t i = 0; i < order_fsm_row_count; i++)
            rows += (int)order_fsm_rows[i].event == event;
        if (rows == 0 || !is_of_saga(event))
            continue;
        printf("  :: (event == %s) ->\n", event_names[event]);
        for (size_t i = 0; i < order_fsm_row_count; i++) {
            if ((int)order_fsm_rows[i].event == event)
                print_order_row(&order_fsm_rows[i]);
        }
        printf("    actions = NO_ROW\n    ");
        for (size_t i = 0; i < rows; i++)
            printf("fi%s", i + 1 < rows ? " " : "\n");
    }
    printf("  :: else -> actions = NO_ROW\n  fi\n}\n");
}

/* --- the payment's table --- */

#define ANSWERS PROVIDER_ANSWER_COUNT

static void print_payment_names(void) {
    print_name("", "PAYMENT_CHARGE", PAYMENT_CHARGE);
    print_name("", "PAYMENT_AUTHORIZE", PAYMENT_AUTHORIZE);
    print_name("", "PAYMENT_CAPTURE", PAYMENT_CAPTURE);
    print_name("", "PAYMENT_VOID", PAYMENT_VOID);
    print_name("", "PAYMENT_REFUND", PAYMENT_REFUND);
    print_name("", "PAYMENT_INQUIRE", PAYMENT_INQUIRE);
    print_name("", "PAYMENT_WITHDRAW", PAYMENT_WITHDRAW);
#define ANSWER_NAME(answer) print_name("", #answer, answer);
    ANSWER_NAME(PROVIDER_NONE)
    ANSWER_NAME(PROVIDER_DONE)
    ANSWER_NAME(PROVIDER_DECLINED)
    ANSWER_NAME(PROVIDER_NOTHING)
    ANSWER_NAME(PROVIDER_REFUSED)
    ANSWER_NAME(PROVIDER_TRANSIENT)
    ANSWER_NAME(PROVIDER_OUTAGE)
    ANSWER_NAME(PROVIDER_ACTION)
#undef ANSWER_NAME
}

/* Calls `print` with each row that payment_fsm_step() has. */
static void each_payment_row(void (*print)(const struct payment_transition *row)) {
    for (int status = 0; status < PAYMENT_STATUS_COUNT; status++) {
        for (int operation = 0; operation < PAYMENT_OPERATION_COUNT; operation++) {
            for (int answer = 0; answer < ANSWERS; answer++) {
                const struct payment_transition *row =
                    payment_fsm_step((enum payment_status)status, (enum payment_operation)operation,
                                     (enum provider_answer)answer);
                if (row != NULL)
                    print(row);
            }
        }
    }
}

static void print_payment_default(const struct payment_transition *row) {
    print_keeps_default(row->why);
}

static void print_payment_row(const struct payment_transition *row) {
    printf("  :: (");
    print_keeps(row->why);
    printf(" && payment == %d && operation == %d && answer == %d) -> /* %s */ payment = %d; ",
           (int)row->status, (int)row->operation, (int)row->answer, row->why, (int)row->next);
    printf("has_row = true; says = %s; must_return = %d\n",
           row->says == PAYMENT_SAYS_NOTHING ? "SAYS_NOTHING" : event_names[row->says],
           row->must_return);
}

/* Where no row fits, nothing changes. */
static void print_payment_table(void) {
    each_payment_row(print_payment_default);
    printf("\n#define SAYS_NOTHING 255\n/* payment_fsm_step() */\n"
           "inline payment_fsm(operation, answer) {\n"
           "  has_row = false; says = SAYS_NOTHING; must_return = 0;\n  if\n");
    each_payment_row(print_payment_row);
    printf("  :: else -> skip\n  fi\n}\n\n/* payment_fsm_end() */\ninline payment_end() {\n  if\n");
    for (int status = 0; status < PAYMENT_STATUS_COUNT; status++)
        printf("  :: (payment == %d) -> payment = %d\n", status,
               (int)payment_fsm_end((enum payment_status)status));
    printf("  fi\n}\n");
}

/* --- who begins in which flow --- */

static void print_wants(const char *name, const struct handler *handler, enum event_type type) {
    printf("#define %s_WANTS_%s (", name, event_names[type]);
    for (int flow = 0; flow < 3; flow++) {
        char text[64];
        struct error error = {0};
        struct arena *arena = arena_create(1024);
        struct event event = {.type = type};
        snprintf(text, sizeof(text), "{\"flow\":\"%s\"}", order_flow_name((enum order_flow)flow));
        bool wants = json_tree_parse(slice_of(text), arena, &event.data, &error) == STATUS_OK &&
                     handler->wants(&event);
        printf("%s(flow == %d && %s)", flow > 0 ? " || " : "", flow, wants ? "true" : "false");
        arena_destroy(&arena);
    }
    printf(")\n");
}

int main(void) {
    printf("/* Printed by tests/models/tables.c from the tables of services/. */\n");
    print_names();
    print_payment_names();
    printf("\n");
    print_order_table();
    printf("\n");
    print_payment_table();
    printf("\n");
    print_wants("CHARGE", &charge_handler, EVENT_ORDER_CREATED);
    print_wants("CHARGE", &charge_handler, EVENT_INVENTORY_RESERVED);
    print_wants("STOCK", &inventory_handler, EVENT_ORDER_CREATED);
    print_wants("STOCK", &inventory_handler, EVENT_PAYMENT_SUCCEEDED);
    print_wants("STOCK", &inventory_handler, EVENT_PAYMENT_AUTHORIZED);
    return 0;
}
