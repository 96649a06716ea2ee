#include "omctl/commands.h"

#include "omctl/archive/archive.h"
#include "omctl/audit_command.h"
#include "omctl/customer.h"
#include "omctl/dlq/dlq.h"
#include "omctl/dlq/dlq_edit.h"
#include "omctl/events.h"
#include "omctl/fsm.h"
#include "omctl/health.h"
#include "omctl/install/migrate.h"
#include "omctl/install/nats_users.h"
#include "omctl/install/provision.h"
#include "omctl/manual.h"
#include "omctl/notices.h"
#include "omctl/report.h"
#include "omctl/seed.h"
#include "omctl/streams/rebuild.h"
#include "omctl/streams/redrive.h"
#include "omctl/token.h"
#include "omctl/why.h"

/* A command's options. */
#define OPTIONS(...)                                                                               \
    (const struct option_row[]) {                                                                  \
        __VA_ARGS__ __VA_OPT__(, ) {                                                               \
            NULL, NULL, NULL, NULL                                                                 \
        }                                                                                          \
    }

#define MOMENT "a moment (2026-01-31T12:00:00Z) or how long ago (15m, 2h)"
#define JSON_ROW                                                                                   \
    { "--json", NULL, NULL, "as the service says it" }
#define DRY_ROW                                                                                    \
    { "--dry-run", NULL, NULL, "only count them" }
#define DATABASES_ROW                                                                              \
    {                                                                                              \
        "--databases", VALUE_DIRECTORY, NULL,                                                      \
            "where services have databases of their own: the URL of each in DIR/<schema>, such as" \
            " orders"                                                                              \
    }
#define RATE_ROW                                                                                   \
    { "--rate", "N", NULL, "so many a second, up to 10000 (default 100)" }
#define ORDER_ROW                                                                                  \
    { "--order", "ORDER-ID", NULL, "only about that order" }
#define DLQ_STATUSES "dead replaying replayed resolved discarded any"
/* Of `dlq discard`, where --reason means two things, the row of the reason is its own. */
#define DLQ_FILTER_ROWS_BUT_REASON                                                                 \
    {"--stream", "STREAM", NULL, "only of that stream"},                                           \
        {"--consumer", "CONSUMER", NULL, "only of that consumer"},                                 \
        {"--code", "CODE", NULL, "only with that code of an error, such as INVALID"},              \
        {"--error", "TEXT", NULL,                                                                  \
         "only with an error like that; numbers and ids in it do not count"},                      \
        {"--type", "TYPE", NULL, "only of events of that type"}, ORDER_ROW
#define DLQ_REASON_ROW                                                                             \
    {                                                                                              \
        "--reason", "REASON", "rejected max_deliveries no_report",                                 \
            "only for that reason: rejected, max_deliveries or no_report"                          \
    }
#define DLQ_FILTER_ROWS DLQ_FILTER_ROWS_BUT_REASON, DLQ_REASON_ROW
#define DLQ_TIME_ROWS                                                                              \
    {"--from", "TIME", NULL, "failed from then on: " MOMENT}, {                                    \
        "--to", "TIME", NULL, "failed before then"                                                 \
    }

static const struct command commands[] = {
    {.words = "migrate",
     .arguments = "[--service SERVICE] [--dir DIR] [--passwords DIR] [--check] [--wait DURATION]",
     .summary = "bring the database to this version's schema",
     .details =
         "Applies the files of DIR (default: sql) in the order of their numbers, each in a"
         " transaction of its own. A second omctl waits for the first. What was applied is kept"
         " with its checksum in the table om_migrations; a file that was changed afterwards is an"
         " error.",
     .options = OPTIONS(
         {"--service", "SERVICE", NULL,
          "the database is that of this service alone, such as order, and gets nothing of the"
          " others'; needed once, since the database remembers it"},
         {"--dir", VALUE_DIRECTORY, NULL, "where the numbered files are"},
         {"--passwords", VALUE_DIRECTORY, NULL,
          "then gives each service's role the password in DIR/<role>, such as om_orders"},
         {"--check", NULL, NULL,
          "change nothing; exit with 1 when a file is pending or was changed; any service's role"
          " may ask"},
         {"--wait", "DURATION", NULL,
          "wait so long at most until the database is there; with --check: until it is as it"
          " should be"}),
     .run = migrate_command},
    {.words = "provision",
     .arguments =
         "[--dir DIR] [--check|--print] [--ack-wait DURATION] [--replicas N] [--wait DURATION]",
     .summary = "create or update the streams and consumers",
     .details = "Makes the server agree with DIR/streams/*.json and"
                " DIR/consumers/<STREAM>.<durable>.json (default: nats), which are in the format of"
                " `nats stream add --config`, and labels each with its owner and its schemas. "
                "Nothing is ever"
                " deleted. Waits until JetStream answers.",
     .options = OPTIONS(
         {"--dir", VALUE_DIRECTORY, NULL, "where streams/ and consumers/ are"},
         {"--check", NULL, NULL,
          "change nothing; print what differs, and exit with 1 if anything does"},
         {"--print", NULL, NULL,
          "ask no server; print what a current one would be asked for, as JSON"},
         {"--ack-wait", "DURATION", NULL, "overrides ack_wait of all consumers, such as 2s"},
         {"--replicas", "N", "1 3 5", "overrides num_replicas of all streams: 3 on a cluster"},
         {"--wait", "DURATION", NULL, "wait so long at most until the server is there"}),
     .run = provision_command},
    {.words = "seed demo",
     .arguments = "[--wait]",
     .summary = "add the demo catalog",
     .details = "Adds the demo's products and their stock; those that exist are left as they are.",
     .options = OPTIONS({"--wait", NULL, NULL, "wait until the order service knows their prices"}),
     .run = seed_command},
    {.words = "outbox redrive",
     .arguments = "--schema SCHEMA --since TIME",
     .summary = "publish a service's past events again",
     .details = "After the broker lost data: sets the relay of SCHEMA (orders, inventory, ...)"
                " back, so that it publishes every event since TIME once more, under its old id."
                " Consumers drop what they have seen.",
     .options =
         OPTIONS({"--schema", "SCHEMA", NULL, "whose outbox"}, {"--since", "TIME", NULL, MOMENT}),
     .run = redrive_command},
    {.words = "notices resend",
     .arguments = "--channel CHANNEL [--order ORDER-ID] [--since TIME] [--dry-run]",
     .summary = "send notices that failed again",
     .details =
         "Puts notices that counted as failed back into the queue of their channel, which has as"
         " long to send them as a new one. They have the ids that they had before.",
     .options = OPTIONS({"--channel", "CHANNEL", "smtp webhook sms", "smtp, webhook or sms"},
                        {"--order", "ORDER-ID", NULL, "only this order's"},
                        {"--since", "TIME", NULL, "failed from then on: " MOMENT}, DRY_ROW),
     .run = notices_resend_command},
    {.words = "customer erase",
     .arguments = "CUSTOMER-ID [--tenant TENANT] | --from FILE",
     .summary = "make a customer's personal data unreadable",
     .details =
         "Destroys the customer's key, so that e-mail, phone, address and how to be told cannot be"
         " opened any more, in the database, the streams, dead letters, Redis and backups alike."
         " Orders that are under way are completed; nobody is told of them any more. May be"
         " repeated. Gateways heed it within 10 s; a later order of the customer has a new key.\n\n"
         "With --from, erases whom the lines of a file name, as `omctl customer erasures` prints"
         " them: after keys were restored from a backup. Who came back since keeps the new key.",
     .options = OPTIONS({"--tenant", "TENANT", NULL, "whose customer it is (default: default)"},
                        {"--from", VALUE_FILE, NULL, "a list of erasures"}),
     .run = customer_erase_command},
    {.words = "customer export",
     .arguments = "CUSTOMER-ID [--tenant TENANT]",
     .summary = "print what is held about a customer",
     .details = "A line of JSON for up to 50 of the customer's orders: their personal data, opened"
                " by the notification service, and what the customer was told; as GET"
                " /api/v1/customers/{customerId}/personal-data says it.",
     .options = OPTIONS({"--tenant", "TENANT", NULL, "whose customer it is (default: default)"}),
     .run = customer_export_command},
    {.words = "customer erasures",
     .arguments = "[--since TIME]",
     .summary = "list whose personal data was erased",
     .details = "A line of JSON for each customer: who asked for it, when, and how often. Keep the"
                " list apart from backups, for `omctl customer erase --from`.",
     .options = OPTIONS({"--since", "TIME", NULL, "erased from then on: " MOMENT}),
     .run = customer_erasures_command},
    {.words = "rebuild analytics",
     .arguments = "",
     .summary = "count what happened once more, from the streams",
     .details = "Replays the streams into new tables of the analytics service, and puts them in"
                " place of the old ones while the service goes on. What is older than the streams"
                " is taken over.",
     .options = OPTIONS(),
     .run = rebuild_command},
    {.words = "report",
     .arguments =
         "orders|revenue|refunds|stock [--from TIME] [--to TIME] [--granularity minute|hour|day]"
         " [--format csv|ndjson] [--tenant TENANT] [--after PLACE]",
     .summary = "print what there was in a period, row by row",
     .details = "As GET /api/v1/admin/reports/... answers, for files of any length. What was broken"
                " off goes on behind its last whole row: its first two values, with a slash"
                " between, are its place.",
     .options = OPTIONS(
         {"--from", "TIME", NULL, "an RFC 3339 time (default: 30 days before the end)"},
         {"--to", "TIME", NULL, "before then (default: now)"},
         {"--granularity", "GRANULARITY", "minute hour day", "of revenue (default: day)"},
         {"--format", "FORMAT", "csv ndjson", "csv, or a JSON object a line (default: csv)"},
         {"--tenant", "TENANT", NULL, "whose orders (default: default)"},
         {"--after", "PLACE", NULL, "behind that row, without a line of names"}),
     .run = report_command},
    {.words = "why",
     .arguments = "ORDER-ID [--tenant TENANT] [--json]",
     .summary = "say why an order does not go on",
     .details = "What the order waits for and since when, which consumers it comes about by, what"
                " is wrong with them, its dead letters, and what to do. It reads no stream, so it"
                " is quick; `omctl audit` has the events.",
     .options =
         OPTIONS({"--tenant", "TENANT", NULL, "whose order it is (default: default)"},
                 {"--json", NULL, NULL, "as GET /api/v1/admin/orders/{orderId}/diagnosis says it"}),
     .run = why_command},
    {.words = "audit",
     .arguments = "ORDER-ID [--since TIME] [--archive DIR] [--json] | --archive DIR"
                  " [--databases DIR]",
     .summary = "print every event of an order, or check an archive",
     .details = "All events and commands about one order, from the streams, a cause before what it"
                " caused, and below an event what became of it where a consumer gave it up. All"
                " messages are looked through, since subjects have no order id. With --archive,"
                " also its timeline and its rows where `omctl archive` has moved it.\n\n"
                "Without an order, checks an archive: that each file is there and as it was"
                " written, that its orders keep their promises, that none is in the databases as"
                " well, and that stock, points and counts are what the orders in databases and"
                " files add up to. Prints each fault, and exits with 1 if there is one.",
     .options =
         OPTIONS({"--since", "TIME", NULL, "look from there on: " MOMENT},
                 {"--archive", VALUE_DIRECTORY, NULL, "where the files of `omctl archive` are"},
                 DATABASES_ROW,
                 {"--json", NULL, NULL, "whole envelopes, with their streams and sequences"}),
     .run = audit_command},
    {.words = "archive",
     .arguments = "--before TIME --out DIR [--databases DIR] [--batch N] [--rate N] | --before TIME"
                  " --dry-run [--databases DIR]",
     .summary = "move orders that are over from the databases to files",
     .details =
         "Orders that ended before TIME, and were not changed since, go with all of their rows to"
         " files of DIR, a batch at a time: written first, then deleted. What is still open (a"
         " return, a refund, a payment, a parcel, a notice, a dead letter) is left, and counted."
         " Stock, points and counts stay as they are. May be killed at any moment, while orders"
         " flow: the next run with the same DIR finishes what was begun.\n\n"
         "TIME is nine days ago at least, OM_RETURN_DAYS ago, and before all that the streams"
         " have. `omctl audit --archive DIR` checks the files, and reads single orders.",
     .options = OPTIONS({"--before", "TIME", NULL, MOMENT},
                        {"--out", VALUE_DIRECTORY, NULL, "made if it is not there"}, DATABASES_ROW,
                        {"--batch", "N", NULL, "so many orders a file, up to 10000 (default 500)"},
                        {"--rate", "N", NULL, "so many orders a second on average (default 500)"},
                        DRY_ROW),
     .run = archive_command},
    {.words = "nats-users",
     .arguments = "--secrets DIR [--dir DIR]",
     .summary = "print the users of the NATS server",
     .details =
         "Prints the block `users` of the server's configuration: for each file nats_<user> in the"
         " directory of secrets a user, the password in the file, and the permissions that follow"
         " from the events, consumers and endpoints of that service. `operator` may do everything."
         " The output has the passwords in it.",
     .options = OPTIONS(
         {"--secrets", VALUE_DIRECTORY, NULL, "where the files nats_<user> are"},
         {"--dir", VALUE_DIRECTORY, NULL, "where streams/ and consumers/ are (default: nats)"}),
     .run = nats_users_command},
    {.words = "token",
     .arguments = "--alg ALG --key-file FILE --sub SUBJECT --issuer ISSUER --audience AUDIENCE"
                  " [--scope SCOPES] [--tenant TENANT] [--ttl DURATION]",
     .summary = "make a token to try the API with",
     .details = "Prints a JSON Web Token, signed with a key that you have. Real callers get theirs"
                " from an identity provider.",
     .options =
         OPTIONS({"--alg", "ALG", "HS256 RS256 ES256", "HS256, RS256 or ES256"},
                 {"--key-file", VALUE_FILE, NULL, "the secret (HS256), or the private key in PEM"},
                 {"--sub", "SUBJECT", NULL, "who it is for: a customer's id"},
                 {"--issuer", "ISSUER", NULL, "OM_JWT_ISSUER of the gateway"},
                 {"--audience", "AUDIENCE", NULL, "OM_JWT_AUDIENCE of the gateway"},
                 {"--scope", "SCOPES", "orders:read orders:write admin",
                  "apart by blanks (default: orders:read orders:write); or admin"},
                 {"--tenant", "TENANT", NULL, "where it is not the gateway's"},
                 {"--ttl", "DURATION", NULL, "how long it is valid, such as 15m (default: 1h)"}),
     .run = token_command},
    {.words = "health",
     .arguments = "URL",
     .summary = "ask a process how it is",
     .details = "For health checks of containers, which have neither a shell nor curl: exits with 0"
                " when the answer is a 2xx, else with 1, after 5 s at most. Prints what was"
                " answered. URL is such as http://127.0.0.1:9464/readyz, at the admin port.",
     .options = OPTIONS(),
     .run = health_command},
    {.words = "dlq list",
     .arguments = "[FILTER] [--status STATUS] [--limit N] [--cursor CURSOR] [--json]",
     .summary = "list dead letters",
     .details = "The newest failure first, those that are dead unless told otherwise.",
     .options = OPTIONS(DLQ_FILTER_ROWS, DLQ_TIME_ROWS,
                        {"--status", "STATUS", DLQ_STATUSES,
                         "dead, replaying, replayed, resolved, discarded or any"},
                        {"--limit", "N", NULL, "up to 200 (default 50)"},
                        {"--cursor", "CURSOR", NULL, "goes on where a page ended"}, JSON_ROW),
     .run = dlq_list_command},
    {.words = "dlq show",
     .arguments = "ID [--json]",
     .summary = "print a dead letter with its message and history",
     .details = "Headers and body are the original's.",
     .options = OPTIONS({"--json", NULL, NULL, "as the service says it, with the body in base64"}),
     .run = dlq_show_command},
    {.words = "dlq replay",
     .arguments = "ID | --all [FILTER] [--rate N] [--dry-run] [--json]",
     .summary = "publish dead letters once more, for the consumer that failed",
     .details = "One that is not dead any more stays as it is. With --all it waits until the"
                " service has replayed what the filter means, and fails unless all of it was"
                " published.",
     .options = OPTIONS({"--all", NULL, NULL, "all that the filter means"}, DLQ_FILTER_ROWS,
                        DLQ_TIME_ROWS, RATE_ROW, DRY_ROW, JSON_ROW),
     .run = dlq_replay_command},
    {.words = "dlq edit",
     .arguments = "ID --reason TEXT [--body FILE] [--header 'NAME: VALUE']..."
                  " [--drop-header NAME]... [--json]",
     .summary = "change a dead letter's message and replay it",
     .details =
         "Replays the message with another body or other headers; what is not named stays as it"
         " is. Without --body, --header and --drop-header it opens $VISUAL or $EDITOR with both,"
         " and replays what was changed there, or nothing.\n"
         "\n"
         "The body stays a JSON object with the same id. The original stays in its stream and in"
         " `omctl dlq show`, and beside it what was changed, by whom and why.",
     .options = OPTIONS(
         {"--reason", "TEXT", NULL, "why, for the audit"},
         {"--body", VALUE_FILE, NULL, "the body instead; - for the input"},
         {"--header", "'NAME: VALUE'", NULL, "instead of the header's values; may be given often"},
         {"--drop-header", "NAME", NULL, "without it; may be given often"}, JSON_ROW),
     .run = dlq_edit_command},
    {.words = "dlq discard",
     .arguments = "ID --reason TEXT [--json] | --all --because TEXT [FILTER] [--rate N]"
                  " [--dry-run] [--json]",
     .summary = "give dead letters up",
     .details = "The stream keeps them as long as it keeps everything. With --all it waits until"
                " the service has discarded what the filter means.",
     .options = OPTIONS({"--reason", "TEXT", NULL,
                         "why the one is, for the audit; with --all only those of that reason"},
                        {"--all", NULL, NULL, "all that the filter means"},
                        {"--because", "TEXT", NULL, "why all of them are"},
                        DLQ_FILTER_ROWS_BUT_REASON, DLQ_TIME_ROWS, RATE_ROW, DRY_ROW, JSON_ROW),
     .run = dlq_discard_command},
    {.words = "dlq jobs",
     .arguments = "[JOB-ID] [--json]",
     .summary = "list the jobs for many dead letters",
     .details = "The newest first, with how far each is.",
     .options = OPTIONS(JSON_ROW),
     .run = dlq_jobs_command},
    {.words = "dlq cancel",
     .arguments = "JOB-ID [--json]",
     .summary = "end a job",
     .details = "What it has published or discarded stays so.",
     .options = OPTIONS(JSON_ROW),
     .run = dlq_cancel_command},
    {.words = "dlq watch",
     .arguments = "[FILTER] [--status STATUS] [--for DURATION] [--json]",
     .summary = "print dead letters and replays as they come",
     .details = "Prints a line whenever an entry fails, changes its status, or a job moves.",
     .options = OPTIONS(DLQ_FILTER_ROWS,
                        {"--status", "STATUS", DLQ_STATUSES,
                         "dead, replaying, replayed, resolved, discarded or any"},
                        {"--for", "DURATION", NULL, "ends after that, such as 10s"},
                        {"--json", NULL, NULL, "a JSON object a line"}),
     .run = dlq_watch_command},
    {.words = "events",
     .arguments = "[--format text|json]",
     .summary = "list the types of events",
     .details = "Type, subject, stream and source of every event, and in JSON its version and"
                " schema.",
     .options = OPTIONS({"--format", "FORMAT", "text json", "text: a table (default), or json"}),
     .run = events_command},
    {.words = "fsm",
     .arguments = "[--format mermaid|json]",
     .summary = "print the life of an order as a state machine",
     .details = "Prints the table that the order service works by.",
     .options = OPTIONS({"--format", "FORMAT", "mermaid json",
                         "mermaid: a state diagram (default); json: every row, the first that fits"
                         " counts; \"to\" null stays"}),
     .run = fsm_command},
    {.words = "completion",
     .arguments = "bash|zsh|fish",
     .summary = "print what makes a shell complete omctl's words",
     .details = "For this shell only: `source <(omctl completion bash)`, the same with zsh, or"
                " `omctl completion fish | source`. An installation has it for all shells.",
     .options = OPTIONS(),
     .choices = "bash zsh fish",
     .run = completion_command},
    {.words = "man",
     .arguments = "[COMMAND] [--dir DIR]",
     .summary = "print the manual page of omctl, or of a command",
     .details = "In the format of man(1): `omctl man dlq replay | man -l -`.",
     .options = OPTIONS({"--dir", VALUE_DIRECTORY, NULL, "write all pages into DIR instead"}),
     .takes_command = true,
     .run = man_command},
    {.words = "help",
     .arguments = "[COMMAND]",
     .summary = "say what there is, or what a command does",
     .details = "The same as --help.",
     .options = OPTIONS(),
     .takes_command = true,
     .run = help_command},
    {.words = "version",
     .arguments = "",
     .summary = "print the version",
     .details = "The same as --version.",
     .options = OPTIONS(),
     .run = version_command},
    {.words = "complete",
     .arguments = "WORD...",
     .details = "Prints what may stand for the last of the words; the scripts of `omctl completion`"
                " ask it.",
     .options = OPTIONS(),
     .run = complete_command},
};

static const struct config_row config_rows[] = {
    {"OM_DATABASE_URL", CONFIG_SECRET, offsetof(struct omctl_config, database_url), "", 0, 0,
     "PostgreSQL, as a role that owns the schemas: postgresql://user:password@host:port/database"},
    {"OM_NATS_URL", CONFIG_SECRET, offsetof(struct omctl_config, nats_url), "", 0, 0,
     "NATS, with or without user and password: nats://user:password@host:port"},
    {"OM_NATS_USER", CONFIG_TEXT, offsetof(struct omctl_config, nats_user), "", 0, 0,
     "NATS user, where the URL names none"},
    {"OM_NATS_PASSWORD_FILE", CONFIG_TEXT, offsetof(struct omctl_config, nats_password_file), "", 0,
     0, "file with that user's password"},
    {"OM_NATS_TLS_CA_FILE", CONFIG_TEXT, offsetof(struct omctl_config, nats_tls_ca_file), "", 0, 0,
     "certificates of the authorities that NATS servers are trusted by; turns TLS on"},
    {"OM_NATS_TLS_CERT_FILE", CONFIG_TEXT, offsetof(struct omctl_config, nats_tls_cert_file), "", 0,
     0, "certificate shown to NATS servers that ask for one (mutual TLS)"},
    {"OM_NATS_TLS_KEY_FILE", CONFIG_TEXT, offsetof(struct omctl_config, nats_tls_key_file), "", 0,
     0, "that certificate's key"},
    {"OM_NATS_STORE", CONFIG_TEXT, offsetof(struct omctl_config, nats_store), "", 0, 0,
     "what each NATS server may store (its max_file_store), such as 50GB: streams' limits are four "
     "fifths of it together; empty: as nats/sizing.json says"},
    {"OM_RETURN_DAYS", CONFIG_INT, offsetof(struct omctl_config, return_days), "30", 0, 3650,
     "as the order service's: younger orders are not archived"},
};

const struct command_table omctl_commands = {
    .commands = commands,
    .count = sizeof(commands) / sizeof(commands[0]),
    .config_rows = config_rows,
    .config_row_count = sizeof(config_rows) / sizeof(config_rows[0]),
};
