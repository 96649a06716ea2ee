#include "omctl/command/command.h"
#include "omctl/dlq/dlq.h"
#include "omctl/events.h"
#include "omctl/fsm.h"
#include "omctl/health.h"
#include "omctl/install/migrate.h"
#include "omctl/install/nats_users.h"
#include "omctl/install/provision.h"
#include "omctl/notices.h"
#include "omctl/seed.h"
#include "omctl/streams/audit.h"
#include "omctl/streams/rebuild.h"
#include "omctl/streams/redrive.h"
#include "omctl/token.h"
#include "omctl/why.h"
#include "shared/base/config.h"
#include "shared/base/version.h"
#include "shared/observe/log.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *words; /* one or two */
    const char *arguments;
    const char *summary;
    const char *details;
    command_fn run;
};

#define DLQ_FILTER_HELP                                                                            \
    "  --stream, --consumer, --reason, --code, --type   only those; a reason is rejected,\n"       \
    "                     max_deliveries or no_report, a code such as INVALID\n"                   \
    "  --order ORDER-ID   only about that order\n"
#define DLQ_TIME_HELP                                                                              \
    "  --from, --to TIME  failed from then on, or before: a moment (2026-01-31T12:00:00Z) or\n"    \
    "                     how long ago (15m, 2h)\n"

static const struct command commands[] = {
    {"migrate", "[--dir DIR] [--passwords DIR] [--check] [--wait DURATION]",
     "bring the database to this version's schema",
     "Applies the files of DIR (default: sql) in the order of their numbers, each in a "
     "transaction\n"
     "of its own. A second omctl waits for the first. What was applied is kept with its checksum "
     "in\n"
     "the table om_migrations; a file that was changed afterwards is an error.\n"
     "\n"
     "  --dir DIR        where the numbered files are\n"
     "  --passwords DIR  then gives each service's role the password in DIR/<role>, such as\n"
     "                   om_orders\n"
     "  --check          change nothing; exit with 1 when a file is pending or was changed; any\n"
     "                   service's role may ask\n"
     "  --wait DURATION  wait so long at most until the database is there; with --check: until it "
     "is\n"
     "                   as it should be\n",
     migrate_command},
    {"provision",
     "[--dir DIR] [--check] [--ack-wait DURATION] [--replicas N]"
     " [--wait DURATION]",
     "create or update the streams and consumers",
     "Makes the server agree with DIR/streams/*.json and DIR/consumers/<STREAM>.<durable>.json\n"
     "(default: nats), which are in the format of `nats stream add --config`. Only the fields in\n"
     "the files are looked at; nothing is ever deleted. Waits until JetStream answers.\n"
     "\n"
     "  --dir DIR            where streams/ and consumers/ are\n"
     "  --check              change nothing; print what differs, and exit with 1 if anything does\n"
     "  --ack-wait DURATION  overrides ack_wait of all consumers, such as 2s\n"
     "  --replicas N         overrides num_replicas of all streams: 3 on a cluster\n"
     "  --wait DURATION      wait so long at most until the server is there\n",
     provision_command},
    {"seed demo", "[--wait]", "add the demo catalog",
     "Adds the demo's products and their stock; those that exist are left as they are.\n"
     "\n"
     "  --wait   wait until the order service knows all their prices\n",
     seed_command},
    {"outbox redrive", "--schema SCHEMA --since TIME", "publish a service's past events again",
     "After the broker lost data: sets the relay of SCHEMA (orders, inventory, ...) back, so that\n"
     "it publishes every event since TIME once more, under its old id. Consumers drop what they\n"
     "have seen.\n"
     "\n"
     "  --schema SCHEMA  whose outbox\n"
     "  --since TIME     a moment (2026-01-31T12:00:00Z) or how long ago (15m, 2h)\n",
     redrive_command},
    {"notices resend", "--channel CHANNEL [--order ORDER-ID] [--since TIME] [--dry-run]",
     "send notices that failed again",
     "Puts notices that counted as failed back into the queue of their channel, which has as long\n"
     "to send them as a new one. They have the ids that they had before.\n"
     "\n"
     "  --channel CHANNEL  smtp, webhook or sms\n"
     "  --order ORDER-ID   only this order's\n"
     "  --since TIME       failed from then on: a moment (2026-01-31T12:00:00Z) or how long ago\n"
     "                     (15m, 2h)\n"
     "  --dry-run          only count them\n",
     notices_resend_command},
    {"rebuild analytics", "", "count what happened once more, from the streams",
     "Replays the streams into new tables of the analytics service, and puts them in place of the\n"
     "old ones while the service goes on. What is older than the streams is taken over.\n",
     rebuild_command},
    {"why", "ORDER-ID [--tenant TENANT] [--json]", "say why an order does not go on",
     "What the order waits for and since when, which consumers it comes about by, what is wrong "
     "with\n"
     "them, its dead letters, and what to do. It reads no stream, so it is quick; `omctl audit` "
     "has\n"
     "the events.\n"
     "\n"
     "  --tenant TENANT  whose order it is (default: default)\n"
     "  --json           as GET /api/v1/admin/orders/{orderId}/diagnosis says it\n",
     why_command},
    {"audit", "ORDER-ID [--since TIME] [--json]", "print every event of an order",
     "All events and commands about one order, from the streams, a cause before what it caused, "
     "and\n"
     "below an event what became of it where a consumer gave it up.\n"
     "All messages are looked through, since subjects have no order id.\n"
     "\n"
     "  --since TIME  look from there on: a moment (2026-01-31T12:00:00Z) or how long ago (15m, "
     "2h)\n"
     "  --json        whole envelopes, with their streams and sequences\n",
     audit_command},
    {"nats-users", "--secrets DIR [--dir DIR]", "print the users of the NATS server",
     "Prints the block `users` of the server's configuration: for each file nats_<user> in the\n"
     "directory of secrets a user, the password in the file, and the permissions that follow from\n"
     "the events, consumers and endpoints of that service. `operator` may do everything. The\n"
     "output has the passwords in it.\n"
     "\n"
     "  --secrets DIR  where the files nats_<user> are\n"
     "  --dir DIR      where streams/ and consumers/ are (default: nats)\n",
     nats_users_command},
    {"token",
     "--alg ALG --key-file FILE --sub SUBJECT --issuer ISSUER --audience AUDIENCE [--scope SCOPES]"
     " [--tenant TENANT] [--ttl DURATION]",
     "make a token to try the API with",
     "Prints a JSON Web Token, signed with a key that you have. Real callers get theirs from an\n"
     "identity provider.\n"
     "\n"
     "  --alg ALG            HS256, RS256 or ES256\n"
     "  --key-file FILE      the secret (HS256), or the private key in PEM\n"
     "  --sub SUBJECT        who it is for: a customer's id\n"
     "  --issuer ISSUER      OM_JWT_ISSUER of the gateway\n"
     "  --audience AUDIENCE  OM_JWT_AUDIENCE of the gateway\n"
     "  --scope SCOPES       separated by blanks (default: orders:read orders:write); or admin\n"
     "  --tenant TENANT      where it is not the gateway's\n"
     "  --ttl DURATION       how long it is valid, such as 15m (default: 1h)\n",
     token_command},
    {"health", "URL", "ask a process how it is",
     "For health checks of containers, which have neither a shell nor curl: exits with 0 when the\n"
     "answer is a 2xx, else with 1, after 5 s at most. Prints what was answered.\n"
     "\n"
     "  URL   such as http://127.0.0.1:9464/readyz, at the admin port\n",
     health_command},
    {"dlq list", "[FILTER] [--status STATUS] [--limit N] [--cursor CURSOR] [--json]",
     "list dead letters",
     "The newest failure first, those that are dead unless told otherwise.\n\n" DLQ_FILTER_HELP
         DLQ_TIME_HELP
     "  --status STATUS    dead, replaying, replayed, resolved, discarded or any\n"
     "  --limit N          up to 200 (default 50)\n"
     "  --cursor CURSOR    goes on where a page ended\n"
     "  --json             as the service says it\n",
     dlq_list_command},
    {"dlq show", "ID [--json]", "print a dead letter with its message and history",
     "Headers and body are the original's.\n\n"
     "  --json   as the service says it, with the body in base64\n",
     dlq_show_command},
    {"dlq replay", "ID | --all [FILTER] [--rate N] [--dry-run] [--json]",
     "publish dead letters once more, for the consumer that failed",
     "One that is not dead any more stays as it is. With --all it waits until the service has\n"
     "replayed what the filter means, and fails unless all of it was published.\n\n" DLQ_FILTER_HELP
         DLQ_TIME_HELP "  --rate N           so many a second, up to 10000 (default 100)\n"
     "  --dry-run          only count them\n"
     "  --json             as the service says it\n",
     dlq_replay_command},
    {"dlq discard",
     "ID --reason TEXT [--json] | --all --because TEXT [FILTER] [--rate N] [--dry-run] [--json]",
     "give dead letters up",
     "The stream keeps them as long as it keeps everything. With --all it waits until the service\n"
     "has discarded what the filter means.\n\n"
     "  --reason TEXT      why the one is, for the audit; with --all it is the filter's\n"
     "  --because TEXT     why all of them are\n" DLQ_FILTER_HELP DLQ_TIME_HELP
     "  --rate N           so many a second, up to 10000 (default 100)\n"
     "  --dry-run          only count them\n"
     "  --json             as the service says it\n",
     dlq_discard_command},
    {"dlq jobs", "[JOB-ID] [--json]", "list the jobs for many dead letters",
     "The newest first, with how far each is.\n", dlq_jobs_command},
    {"dlq cancel", "JOB-ID [--json]", "end a job", "What it has published or discarded stays so.\n",
     dlq_cancel_command},
    {"dlq watch", "[FILTER] [--status STATUS] [--for DURATION] [--json]",
     "print dead letters and replays as they come",
     "Prints a line whenever an entry fails, changes its status, or a job "
     "moves.\n\n" DLQ_FILTER_HELP "  --for DURATION     ends after that, such as 10s\n"
     "  --json             a JSON object a line\n",
     dlq_watch_command},
    {"events", "[--format text|json]", "list the types of events",
     "Type, subject, stream and source of every event, and in JSON its version and schema.\n"
     "\n"
     "  --format text|json  a table, or JSON\n",
     events_command},
    {"fsm", "[--format mermaid|json]", "print the life of an order as a state machine",
     "Prints the table that the order service works by.\n"
     "\n"
     "  --format FORMAT  mermaid: a state diagram (default); json: every row, the first that fits\n"
     "                   counts; \"to\" null stays\n",
     fsm_command},
};
static const size_t command_count = sizeof(commands) / sizeof(commands[0]);

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
};
static const size_t config_row_count = sizeof(config_rows) / sizeof(config_rows[0]);

static void print_help(FILE *out) {
    fprintf(out, "omctl: the operator's tool of OrderMesh\n\nusage: omctl COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < command_count; i++)
        fprintf(out, "  %-18s %s\n", commands[i].words, commands[i].summary);
    fprintf(out, "  %-18s %s\n", "version", "print the version");
    fprintf(out, "\n`omctl COMMAND --help` says more. Configuration, from the environment:\n\n");
    config_print_help(config_rows, config_row_count, out);
}

static void print_command_help(const struct command *command, FILE *out) {
    fprintf(out, "usage: omctl %s %s\n\n%s", command->words, command->arguments, command->details);
}

/* How many of argv's words the command's name takes; 0 when it is another command. */
static int match_words(const struct command *command, int argc, char **argv) {
    int used = 0;
    for (const char *word = command->words; word != NULL; used++) {
        const char *space = strchr(word, ' ');
        struct slice expected = {word, space != NULL ? (size_t)(space - word) : strlen(word)};
        if (used >= argc || !slice_is(expected, argv[used]))
            return 0;
        word = space != NULL ? space + 1 : NULL;
    }
    return used;
}

static bool has_help(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return true;
    }
    return false;
}

static int run_command(const struct command *command, int argc, char **argv) {
    if (has_help(argc, argv)) {
        print_command_help(command, stdout);
        return COMMAND_DONE;
    }
    struct omctl_config config;
    struct error error;
    if (config_load(config_rows, config_row_count, &config, &error) != STATUS_OK) {
        (void)command_failed("configuration", &error);
        return COMMAND_USAGE;
    }
    int code = command->run(&config, argc, argv);
    if (code == COMMAND_USAGE)
        print_command_help(command, stderr);
    return code;
}

int main(int argc, char **argv) {
    log_init("omctl", "", LOG_LEVEL_ERROR);
    /* Progress is seen as it happens, also through a pipe. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)) {
        printf("omctl %s\n", ordermesh_version);
        return COMMAND_DONE;
    }
    if (argc > 1 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)) {
        print_help(stdout);
        return COMMAND_DONE;
    }
    for (size_t i = 0; i < command_count; i++) {
        int used = match_words(&commands[i], argc - 1, argv + 1);
        if (used > 0)
            return run_command(&commands[i], argc - 1 - used, argv + 1 + used);
    }
    print_help(stderr);
    return COMMAND_USAGE;
}
