#include "omctl/archive/archive.h"

#include "omctl/archive/archive_store.h"
#include "omctl/streams/jetstream.h"
#include "omctl/streams/stream_reader.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"

#include <unistd.h>

#define DAY_US (INT64_C(86400) * 1000000)
/* Outboxes publish again what they have, and inboxes know what they have seen: both for less than
   this. */
#define KEPT_DAYS 9
#define BATCH 500
#define BATCH_MOST 10000
#define RATE 500
#define RATE_MOST 100000
#define PROGRESS_US 1000000

struct run {
    struct archive_store *store;
    const char *dir;
    int64_t before_us;
    int64_t batch, rate;
    bool is_dry;
    int64_t started_us, printed_us;
    int64_t total, looked_at, archived, files;
    int64_t left[ARCHIVE_LEFT_COUNT];
};

/* --- progress --------------------------------------------------------------------------------- */

static int64_t left_in_all(const struct run *run) {
    int64_t sum = 0;
    for (int i = 0; i < ARCHIVE_LEFT_COUNT; i++)
        sum += run->left[i];
    return sum;
}

static void count_page(struct run *run, const struct archive_page *page) {
    for (size_t i = 0; i < page->count; i++) {
        if (page->items[i].left < 0)
            run->archived++;
        else
            run->left[page->items[i].left]++;
    }
    run->looked_at += (int64_t)page->count;
}

static void show_progress(struct run *run) {
    int64_t now_us = clock_monotonic_us(), elapsed_us = now_us - run->started_us;
    int64_t to_go = run->total > run->looked_at ? run->total - run->looked_at : 0;
    if (now_us - run->printed_us < PROGRESS_US)
        return;
    run->printed_us = now_us;
    fprintf(stderr, "%lld orders %s, %lld a second; %lld are left, %lld to go\n",
            (long long)run->archived, run->is_dry ? "looked at" : "archived",
            (long long)(run->archived * 1000000 / (elapsed_us > 0 ? elapsed_us : 1)),
            (long long)left_in_all(run), (long long)to_go);
}

static void print_result(const struct run *run) {
    if (run->is_dry)
        printf("%lld orders would be archived\n", (long long)run->archived);
    else
        printf("%lld orders are archived in %lld files\n", (long long)run->archived,
               (long long)run->files);
    for (int i = 0; i < ARCHIVE_LEFT_COUNT; i++)
        if (run->left[i] > 0)
            printf("%lld are left: they %s\n", (long long)run->left[i], archive_left_texts[i]);
}

/* So many a second on average, of those that are moved: what is left costs the database little. */
static void keep_rate(const struct run *run) {
    int64_t due_us = run->started_us + run->archived * 1000000 / run->rate;
    int64_t wait_us = due_us - clock_monotonic_us();
    if (wait_us > 0)
        clock_sleep_ms((wait_us + 999) / 1000);
}

/* --- a batch ---------------------------------------------------------------------------------- */

static void find_span(const struct archive_page *page, struct archive_header *header) {
    for (size_t i = 0; i < page->count; i++) {
        const struct archive_item *item = &page->items[i];
        if (item->left >= 0)
            continue;
        if (header->orders == 0 || item->changed_us < header->first_us)
            header->first_us = item->changed_us;
        if (header->orders == 0 || item->changed_us > header->last_us)
            header->last_us = item->changed_us;
        header->orders++;
    }
}

/* Once the file is there, only a commit can fail without telling whether it happened: the next run
   looks. */
static enum status write_and_remove(struct run *run, struct archive_header *header,
                                    struct slice body, struct error *error) {
    enum status status = archive_store_number(run->store, &header->number, error);
    archive_seal(header, body);
    if (status == STATUS_OK)
        status = archive_write(run->dir, header, body, error);
    failpoint("archive.after_pending");
    if (status == STATUS_OK)
        status = archive_store_remove(run->store, header, body, error);
    failpoint("archive.before_commit");
    if (status == STATUS_OK)
        status = archive_store_commit(run->store, error);
    failpoint("archive.before_settle");
    return status == STATUS_OK ? archive_settle(run->dir, header->number, error) : status;
}

static enum status move_page(struct run *run, struct archive_page *page, struct error *error) {
    struct archive_header header = {.before_us = run->before_us};
    struct buf body = {0};
    enum status status = archive_store_begin(run->store, error);
    if (status == STATUS_OK)
        status = archive_store_read(run->store, run->before_us, page, &body, error);
    if (status == STATUS_OK)
        find_span(page, &header);
    if (status == STATUS_OK && header.orders > 0) {
        status = write_and_remove(run, &header, buf_slice(&body), error);
        run->files += status == STATUS_OK;
    }
    archive_store_rollback(run->store);
    buf_fini(&body);
    return status;
}

static bool has_any(const struct archive_page *page) {
    for (size_t i = 0; i < page->count; i++)
        if (page->items[i].left < 0)
            return true;
    return false;
}

static enum status go_through(struct run *run, struct error *error) {
    struct archive_page page = {0};
    enum status status = archive_store_count(run->store, run->before_us, &run->total, error);
    run->started_us = run->printed_us = clock_monotonic_us();
    while (status == STATUS_OK) {
        status = archive_store_page(run->store, run->before_us, run->batch, &page, error);
        if (status != STATUS_OK || page.count == 0)
            break;
        if (run->is_dry)
            status = archive_store_ask(run->store, run->before_us, &page, error);
        else if (has_any(&page))
            status = move_page(run, &page, error);
        if (status != STATUS_OK)
            break;
        count_page(run, &page);
        show_progress(run);
        if (!run->is_dry)
            keep_rate(run);
    }
    archive_page_fini(&page);
    return status;
}

/* --- what a killed one left ------------------------------------------------------------------- */

static enum status finish_file(struct run *run, int64_t number, struct error *error) {
    struct archive_header header;
    struct buf content = {0};
    struct slice body;
    bool has = false;
    enum status status = archive_read(run->dir, number, true, &content, &header, &body, error);
    if (status == STATUS_OK)
        status = archive_store_begin(run->store, error);
    if (status == STATUS_OK)
        status = archive_store_has(run->store, &header, &has, error);
    if (status == STATUS_OK && has)
        status = archive_store_finish(run->store, body, error);
    if (status == STATUS_OK && has)
        status = archive_store_commit(run->store, error);
    archive_store_rollback(run->store);
    if (status == STATUS_OK)
        status =
            has ? archive_settle(run->dir, number, error) : archive_drop(run->dir, number, error);
    buf_fini(&content);
    return status;
}

static enum status finish_files(struct run *run, struct error *error) {
    struct archive_list list = {0};
    enum status status = archive_list_read(run->dir, true, &list, error);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++)
        status = finish_file(run, list.numbers[i], error);
    archive_list_fini(&list);
    return status;
}

/* --- what may go ------------------------------------------------------------------------------ */

/* An event that a stream still has may come again, to services that would not know its order. */
static enum status check_streams(const struct omctl_config *config, int64_t before_us,
                                 struct error *error) {
    struct nats_client *nats = NULL;
    char text[RFC3339_SIZE];
    enum status status = command_open_nats(config, &nats, error);
    for (size_t i = 0; i < EVENT_STREAM_COUNT && status == STATUS_OK; i++) {
        int64_t horizon_us = 0;
        status = jetstream_horizon(nats, event_streams[i], &horizon_us, error);
        clock_format(horizon_us, text);
        if (status == STATUS_OK && before_us > horizon_us)
            status = error_set(error, STATUS_INVALID,
                               "the stream %s has events since %s: --before must be earlier",
                               event_streams[i], text);
    }
    nats_client_destroy(&nats);
    return status;
}

static enum status check_age(const struct omctl_config *config, int64_t before_us,
                             struct error *error) {
    int64_t days = config->return_days > KEPT_DAYS ? config->return_days : KEPT_DAYS;
    if (before_us <= clock_now_us() - days * DAY_US)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "--before must be %lld days ago at least: %s",
                     (long long)days,
                     days > KEPT_DAYS ? "orders can be returned for so long (OM_RETURN_DAYS)"
                                      : "outboxes keep events for so long");
}

/* --- the command ------------------------------------------------------------------------------ */

struct arguments {
    const char *before, *dir, *databases, *batch, *rate;
};

static enum status parse_number(const char *text, const char *name, int64_t most, int64_t *value,
                                struct error *error) {
    uint64_t number;
    if (text == NULL)
        return STATUS_OK;
    if (!slice_parse_uint(slice_of(text), (uint64_t)most, &number) || number == 0)
        return error_set(error, STATUS_INVALID, "%s %s: not a number from 1 to %lld", name, text,
                         (long long)most);
    *value = (int64_t)number;
    return STATUS_OK;
}

static enum status parse_arguments(int argc, char **argv, struct arguments *arguments,
                                   struct run *run, struct error *error) {
    const struct command_option options[] = {
        {.name = "--before", .value = &arguments->before},
        {.name = "--out", .value = &arguments->dir},
        {.name = "--databases", .value = &arguments->databases},
        {.name = "--batch", .value = &arguments->batch},
        {.name = "--rate", .value = &arguments->rate},
        {.name = "--dry-run", .flag = &run->is_dry},
    };
    int64_t ago_us;
    enum status status =
        command_parse(options, sizeof(options) / sizeof(options[0]), argc, argv, error);
    if (status != STATUS_OK)
        return status;
    if (arguments->before == NULL || (arguments->dir == NULL && !run->is_dry))
        return error_set(error, STATUS_INVALID, "--before, and --out or --dry-run, are needed");
    run->dir = arguments->dir;
    if (duration_parse(arguments->before, &ago_us, NULL) == STATUS_OK)
        run->before_us = clock_now_us() - ago_us;
    else if (!clock_parse(slice_of(arguments->before), &run->before_us))
        return error_set(error, STATUS_INVALID, "--before %s: neither a time nor a duration",
                         arguments->before);
    status = parse_number(arguments->batch, "--batch", BATCH_MOST, &run->batch, error);
    return status == STATUS_OK
               ? parse_number(arguments->rate, "--rate", RATE_MOST, &run->rate, error)
               : status;
}

static enum status archive_all(struct run *run, struct error *error) {
    int held = -1;
    enum status status = run->is_dry ? STATUS_OK : archive_hold(run->dir, &held, error);
    if (status == STATUS_OK && !run->is_dry)
        status = finish_files(run, error);
    if (status == STATUS_OK)
        status = go_through(run, error);
    if (held >= 0)
        close(held);
    return status;
}

int archive_command(const struct omctl_config *config, int argc, char **argv) {
    struct run run = {.batch = BATCH, .rate = RATE};
    struct arguments arguments = {0};
    struct error error = {0};
    enum status status = parse_arguments(argc, argv, &arguments, &run, &error);
    if (status == STATUS_OK)
        status = check_age(config, run.before_us, &error);
    if (status != STATUS_OK) {
        (void)command_failed("archive", &error);
        return COMMAND_USAGE;
    }
    status = check_streams(config, run.before_us, &error);
    if (status == STATUS_OK)
        status = archive_store_open(config, arguments.databases, &run.store, &error);
    if (status == STATUS_OK)
        status = archive_all(&run, &error);
    archive_store_close(&run.store);
    if (run.looked_at > 0 || status == STATUS_OK)
        print_result(&run);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("archive", &error);
}
