#include "omctl/notices.h"

#include "shared/base/clock.h"
#include "shared/contract/notify_channel.h"
#include "shared/crypto/uuid.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdio.h>

#define ROWS_MOST 1000

struct choice {
    const char *channel, *order, *since;
    bool is_dry;
};

/* What the notification service recorded before it kept events cannot be sent again. */
#define CHOSEN_SQL                                                                                 \
    " FROM notifications.notifications WHERE status = 'FAILED' AND event IS NOT NULL"              \
    "   AND channel = $1::text AND ($2::text = '' OR order_id::text = $2::text)"                   \
    "   AND created_at >= $3::text::timestamptz"

static const struct pg_statement count_failed = {
    .name = "notices_count", .sql = "SELECT count(*)" CHOSEN_SQL, .param_count = 3};

static const struct pg_statement move_failed = {
    .name = "notices_resend",
    .sql = "WITH chosen AS (SELECT order_id, kind, channel" CHOSEN_SQL
           "   ORDER BY created_at LIMIT $4::int8 FOR UPDATE),"
           " gone AS (DELETE FROM notifications.notifications n USING chosen c"
           "   WHERE n.order_id = c.order_id AND n.kind = c.kind AND n.channel = c.channel"
           "   RETURNING n.order_id, n.kind, n.channel, n.event),"
           " queued AS (INSERT INTO notifications.pending (order_id, kind, channel, event)"
           "   SELECT * FROM gone ON CONFLICT DO NOTHING)"
           " SELECT count(*) FROM gone",
    .param_count = 4};

static enum status read_choice(int argc, char **argv, struct choice *choice, struct error *error) {
    const struct command_option options[] = {{.name = "--channel", .value = &choice->channel},
                                             {.name = "--order", .value = &choice->order},
                                             {.name = "--since", .value = &choice->since},
                                             {.name = "--dry-run", .flag = &choice->is_dry}};
    enum notify_channel channel;
    struct uuid id;
    enum status status = command_parse(options, 4, argc, argv, error);
    if (status != STATUS_OK)
        return status;
    if (choice->channel == NULL || !notify_channel_parse(slice_of(choice->channel), &channel) ||
        channel == NOTIFY_LOG)
        return error_set(error, STATUS_INVALID, "--channel is one of smtp, webhook and sms");
    if (choice->order != NULL && !uuid_parse(slice_of(choice->order), &id))
        return error_set(error, STATUS_INVALID, "--order is the id of an order");
    return STATUS_OK;
}

/* A thousand at a time, so that no transaction is long. */
static enum status resend(struct pg *pg, const struct choice *choice, int64_t since_us,
                          int64_t *total, struct error *error) {
    char since[RFC3339_SIZE];
    clock_format(since_us, since);
    const struct pg_param params[] = {pg_text(slice_of(choice->channel)),
                                      pg_text(slice_of(choice->order != NULL ? choice->order : "")),
                                      pg_text(slice_of(since)), pg_int64(ROWS_MOST)};
    int64_t count;
    do {
        struct pg_result *rows = NULL;
        enum status status =
            pg_query(pg, choice->is_dry ? &count_failed : &move_failed, params, &rows, error);
        if (status != STATUS_OK)
            return status;
        count = pg_get_int64(rows, 0, 0);
        *total += count;
        pg_result_free(&rows);
    } while (!choice->is_dry && count == ROWS_MOST);
    return STATUS_OK;
}

int notices_resend_command(const struct omctl_config *config, int argc, char **argv) {
    struct choice choice = {0};
    struct error error;
    struct pg *pg = NULL;
    int64_t since_us = 0, total = 0;
    enum status status = read_choice(argc, argv, &choice, &error);
    if (status == STATUS_OK && choice.since != NULL)
        status = since_parse(choice.since, &since_us, &error);
    if (status != STATUS_OK) {
        (void)command_failed("notices resend", &error);
        return COMMAND_USAGE;
    }
    status = command_open_database(config, &pg, &error);
    if (status == STATUS_OK)
        status = resend(pg, &choice, since_us, &total, &error);
    pg_destroy(&pg);
    if (status != STATUS_OK)
        return command_failed("notices resend", &error);
    printf("%lld notices of %s %s sent again\n", (long long)total, choice.channel,
           choice.is_dry ? "would be" : "will be");
    return COMMAND_DONE;
}
