#include "omctl/report.h"

#include "shared/base/clock.h"
#include "shared/nats/mesh_call.h"
#include "shared/query/report.h"

#define PATIENCE_US INT64_C(60000000)
#define PAUSE_MS 1000

struct report {
    const struct report_kind *kind;
    enum report_format format;
    struct period period;
    const char *tenant, *after; /* after NULL: from the beginning */
    struct buf cursor;
    struct nats_client *nats;
};

/* --- arguments -------------------------------------------------------------------------------- */

struct arguments {
    const char *kind, *format, *from, *to, *granularity, *tenant, *after;
};

static enum status read_arguments(int argc, char **argv, struct arguments *given,
                                  struct error *error) {
    const struct command_option options[] = {
        {.value = &given->kind},
        {.name = "--format", .value = &given->format},
        {.name = "--from", .value = &given->from},
        {.name = "--to", .value = &given->to},
        {.name = "--granularity", .value = &given->granularity},
        {.name = "--tenant", .value = &given->tenant},
        {.name = "--after", .value = &given->after},
    };
    return command_parse(options, sizeof(options) / sizeof(options[0]), argc, argv, error);
}

static enum status judge(const struct arguments *given, struct report *report,
                         struct error *error) {
    const char *granularity = given->granularity != NULL ? given->granularity : "day";
    const struct period_request period = {slice_of(given->from), slice_of(given->to),
                                          slice_of(granularity)};
    struct slice name;
    int64_t at_us;
    report->kind = report_kind_find(slice_of(given->kind));
    report->tenant = given->tenant != NULL ? given->tenant : "default";
    report->after = given->after;
    if (report->kind == NULL)
        return error_set(error, STATUS_INVALID, "which report: orders, revenue, refunds or stock");
    if (given->format != NULL && !report_format_parse(slice_of(given->format), &report->format))
        return error_set(error, STATUS_INVALID, "--format: csv or ndjson");
    if (given->after != NULL && !report_place_parse(slice_of(given->after), &at_us, &name))
        return error_set(error, STATUS_INVALID,
                         "--after: the first two values of a row, with a slash between");
    return period_parse(&period, clock_now_us(), &report->period, error);
}

/* --- pages ------------------------------------------------------------------------------------ */

/* While a service is replaced nobody answers. */
static enum status ask_page(struct report *report, struct json_object **page, struct error *error) {
    struct buf body = {0};
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    enum status status = STATUS_UNAVAILABLE;
    report_write_question(&(struct report_request){.tenant = slice_of(report->tenant),
                                                   .period = report->period,
                                                   .after = slice_of(report->after),
                                                   .cursor = buf_slice(&report->cursor)},
                          &body);
    for (;;) {
        status = mesh_call(report->nats, report->kind->subject, buf_slice(&body), MESH_CALL_MS,
                           page, error);
        bool may_pass = status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT;
        if (!may_pass || clock_monotonic_us() >= until_us)
            break;
        clock_sleep_ms(PAUSE_MS);
    }
    buf_fini(&body);
    return status;
}

static enum status print_page(struct report *report, struct buf *out, bool *goes_on,
                              struct error *error) {
    struct json_object *page = NULL;
    struct slice cursor;
    enum status status = ask_page(report, &page, error);
    if (status == STATUS_OK)
        status = report_write_page(report->kind, report->format, page, out, &cursor, error);
    if (status == STATUS_OK) {
        buf_clear(&report->cursor);
        buf_append_slice(&report->cursor, cursor);
        *goes_on = cursor.len > 0;
        if (fwrite(out->ptr != NULL ? out->ptr : "", 1, out->len, stdout) != out->len)
            status = error_set(error, STATUS_CLOSED, "nobody takes what is printed");
        buf_clear(out);
    }
    json_object_put(page);
    return status;
}

static enum status print_report(struct report *report, struct error *error) {
    struct buf out = {0};
    bool goes_on = true;
    enum status status = STATUS_OK;
    if (report->after == NULL)
        report_write_head(report->kind, report->format, &out);
    while (goes_on && status == STATUS_OK)
        status = print_page(report, &out, &goes_on, error);
    buf_fini(&out);
    buf_fini(&report->cursor);
    return status;
}

int report_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments given = {0};
    struct report report = {0};
    struct error error = {0};
    if (read_arguments(argc, argv, &given, &error) != STATUS_OK ||
        judge(&given, &report, &error) != STATUS_OK) {
        (void)command_failed("report", &error);
        return COMMAND_USAGE;
    }
    enum status status = command_open_nats(config, &report.nats, &error);
    if (status == STATUS_OK)
        status = print_report(&report, &error);
    nats_client_destroy(&report.nats);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("report", &error);
}
