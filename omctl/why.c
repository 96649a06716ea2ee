#include "omctl/why.h"

#include "omctl/dlq/dlq_print.h"
#include "shared/base/clock.h"
#include "shared/diagnosis/diagnosis.h"
#include "shared/nats/mesh_call.h"

#include <stdlib.h>

enum { ANSWER_MS = 2000, SURVEY_MS = 500 };

/* --- asking ----------------------------------------------------------------------------------- */

static enum status read_status(natsStatus s, natsMsg *answer, const char *subject) {
    struct error error;
    if (s == NATS_OK)
        return mesh_call_refusal(answer, subject, &error);
    return s == NATS_TIMEOUT ? STATUS_TIMEOUT : STATUS_UNAVAILABLE;
}

static struct slice body_of(natsMsg *answer) {
    return (struct slice){natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)};
}

static void ask(struct nats_client *nats, struct diagnosis *diagnosis, size_t index) {
    struct diagnosis_question question = diagnosis_question(diagnosis, index);
    natsMsg *answer = NULL;
    natsStatus s = natsConnection_Request(&answer, nats_client_fast(nats), question.subject,
                                          question.body.ptr, (int)question.body.len, ANSWER_MS);
    enum status status = read_status(s, answer, question.subject);
    diagnosis_answer(diagnosis, index, status, body_of(answer));
    natsMsg_Destroy(answer);
}

/* There is no last answer: what has not come in time is not waited for. */
static void survey(struct nats_client *nats, struct diagnosis *diagnosis, size_t index) {
    struct diagnosis_question question = diagnosis_question(diagnosis, index);
    int64_t until_us = clock_monotonic_us() + SURVEY_MS * 1000, left_ms = SURVEY_MS;
    natsConnection *connection = nats_client_fast(nats);
    natsSubscription *answers = NULL;
    char *inbox = nats_client_inbox(nats);
    natsStatus s = natsConnection_SubscribeSync(&answers, connection, inbox);
    if (s == NATS_OK)
        s = natsConnection_PublishRequest(connection, question.subject, inbox, NULL, 0);
    while (s == NATS_OK && left_ms > 0) {
        natsMsg *answer = NULL;
        s = natsSubscription_NextMsg(&answer, answers, left_ms);
        if (s == NATS_OK)
            diagnosis_answer(diagnosis, index, STATUS_OK, body_of(answer));
        natsMsg_Destroy(answer);
        left_ms = (until_us - clock_monotonic_us()) / 1000;
    }
    nats_client_unsubscribe(nats, &answers);
    free(inbox);
}

/* The order is the first of the questions. */
static void ask_all(struct nats_client *nats, struct diagnosis *diagnosis) {
    for (size_t i = DIAGNOSIS_QUESTIONS; i-- > 0;)
        if (diagnosis_question(diagnosis, i).is_survey)
            survey(nats, diagnosis, i);
        else
            ask(nats, diagnosis, i);
}

/* --- printing --------------------------------------------------------------------------------- */

static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : SLICE_LITERAL("");
}

static void print_number(struct json_object *object, const char *key, int width, FILE *out) {
    int64_t number;
    if (json_get_int64(object, key, &number, NULL) == STATUS_OK)
        fprintf(out, " %*lld", width, (long long)number);
    else
        fprintf(out, " %*s", width, "-");
}

static void print_age(struct json_object *found, FILE *out) {
    int64_t at_us, since_us;
    if (!clock_parse(text_of(found, "at"), &at_us) ||
        !clock_parse(text_of(found, "since"), &since_us))
        return;
    int64_t age_s = at_us > since_us ? (at_us - since_us) / 1000000 : 0;
    fprintf(out, " since %.19sZ (", text_of(found, "since").ptr);
    if (age_s < 120)
        fprintf(out, "%lld s)", (long long)age_s);
    else if (age_s < 7200)
        fprintf(out, "%lld min)", (long long)age_s / 60);
    else
        fprintf(out, "%lld h)", (long long)age_s / 3600);
}

static void print_consumers(struct json_object *found, FILE *out) {
    struct json_object *consumers;
    if (json_get_array(found, "consumers", &consumers, NULL) != STATUS_OK ||
        json_object_array_length(consumers) == 0)
        return;
    fprintf(out, "\n%-28s %-16s %8s %8s %9s\n", "CONSUMER", "STATE", "WAITING", "IN HAND",
            "PROCESSES");
    for (size_t i = 0; i < json_object_array_length(consumers); i++) {
        struct json_object *consumer = json_object_array_get_idx(consumers, i);
        struct slice stream = text_of(consumer, "stream"), name = text_of(consumer, "name");
        int width = 27 - (int)stream.len;
        fprintf(out, "%.*s/%-*.*s %-16.*s", SLICE_ARG(stream), width, SLICE_ARG(name),
                SLICE_ARG(text_of(consumer, "state")));
        print_number(consumer, "waiting", 8, out);
        print_number(consumer, "inHand", 8, out);
        print_number(consumer, "processes", 9, out);
        fputc('\n', out);
    }
}

static void print_dead(struct json_object *found, FILE *out) {
    struct json_object *dead;
    if (json_get_array(found, "deadLetters", &dead, NULL) != STATUS_OK) {
        fprintf(out,
                "\nThe dead-letter service does not answer: whether it has any is not known.\n");
        return;
    }
    if (json_object_array_length(dead) == 0)
        return;
    fputc('\n', out);
    dlq_print_heading(out);
    for (size_t i = 0; i < json_object_array_length(dead); i++)
        dlq_print_entry(json_object_array_get_idx(dead, i), out);
}

static void print_line(const char *label, struct slice text, FILE *out) {
    fputs(label, out);
    dlq_print_text(text, out);
    fputc('\n', out);
}

static void print(struct json_object *found, FILE *out) {
    struct slice status = text_of(found, "status"), reason = text_of(found, "reason");
    struct slice wait = text_of(found, "waitsFor");
    fprintf(out, "Order %.*s", SLICE_ARG(text_of(found, "orderId")));
    if (status.len > 0)
        fprintf(out, " is %.*s", SLICE_ARG(status));
    if (reason.len > 0)
        fprintf(out, ", %.*s,", SLICE_ARG(reason));
    print_age(found, out);
    fputs(".\n", out);
    if (wait.len > 0)
        fprintf(out, "It waits for %.*s.\n", SLICE_ARG(wait));
    print_line("", text_of(found, "summary"), out);
    print_line("What to do: ", text_of(found, "whatToDo"), out);
    print_consumers(found, out);
    print_dead(found, out);
}

/* --- the command ------------------------------------------------------------------------------ */

struct why_arguments {
    struct uuid order_id;
    const char *tenant;
    bool is_json;
};

static enum status parse_arguments(int argc, char **argv, struct why_arguments *arguments,
                                   struct error *error) {
    const char *id = NULL;
    const struct command_option options[] = {
        {.value = &id},
        {.name = "--tenant", .value = &arguments->tenant},
        {.name = "--json", .flag = &arguments->is_json},
    };
    enum status status = command_parse(options, 3, argc, argv, error);
    return status == STATUS_OK ? command_order_id(id, &arguments->order_id, error) : status;
}

static enum status diagnose(struct nats_client *nats, const struct why_arguments *arguments,
                            struct buf *text, struct error *error) {
    struct diagnosis *diagnosis = diagnosis_create(&arguments->order_id, arguments->tenant);
    ask_all(nats, diagnosis);
    enum status status = diagnosis_write(diagnosis, clock_now_us(), text, error);
    diagnosis_destroy(&diagnosis);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, status,
                         "there is no such order; one that was accepted, and that the broker lost "
                         "since, is known to the gateway only "
                         "(GET /api/v1/admin/orders/{id}/diagnosis)");
    return status;
}

int why_command(const struct omctl_config *config, int argc, char **argv) {
    struct why_arguments arguments = {.tenant = "default"};
    struct nats_client *nats = NULL;
    struct json_object *found = NULL;
    struct buf text = {0};
    struct error error;
    if (parse_arguments(argc, argv, &arguments, &error) != STATUS_OK) {
        (void)command_failed("why", &error);
        return COMMAND_USAGE;
    }
    enum status status = command_open_nats(config, &nats, &error);
    if (status == STATUS_OK)
        status = diagnose(nats, &arguments, &text, &error);
    if (status == STATUS_OK)
        status = json_parse(buf_slice(&text), &found, &error);
    if (status == STATUS_OK && arguments.is_json)
        dlq_print_json(found, stdout);
    else if (status == STATUS_OK)
        print(found, stdout);
    json_object_put(found);
    nats_client_destroy(&nats);
    buf_fini(&text);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("why", &error);
}
