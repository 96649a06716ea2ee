/* om-test-load: places orders under distinct keys and reports how that went as one line of JSON.
   Exit code: 0 every order was accepted, 1 some were not, 2 wrong usage. */
#include "tests/support/load/load_idle.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t is_stopping;

static void stop(int signal_number) {
    (void)signal_number;
    is_stopping = 1;
}

static const char usage[] =
    "om-test-load --port PORT [options]: places orders, tries each again until it is accepted\n"
    "  --port N          the gateway's port on 127.0.0.1\n"
    "  --connections N   kept connections (16)\n"
    "  --rate R          orders a second, open loop (closed loop)\n"
    "  --count N         orders in all\n"
    "  --seconds S       place orders for so long\n"
    "  --mix LIST        kinds and weights (ok=100); kinds: ok declined stock scarce held\n"
    "  --skus LIST       plentiful SKUs, comma-separated (TSHIRT-BLK-M)\n"
    "  --items N         lines an order (1)\n"
    "  --token-file F    a bearer token for every request\n"
    "  --prefix TEXT     of the idempotency keys (load-)\n"
    "  --seed N          repeats a run (1)\n"
    "  --patience S      give an order up after so long (120)\n"
    "  --log FILE        appends: key status order-id sent-us latency-us kind attempts\n"
    "  --idle            one order at a time; latency until it has ended\n"
    "SIGTERM: places no further orders and finishes those begun.\n";

enum option_id {
    OPTION_PORT = 1,
    OPTION_CONNECTIONS,
    OPTION_RATE,
    OPTION_COUNT,
    OPTION_SECONDS,
    OPTION_MIX,
    OPTION_SKUS,
    OPTION_ITEMS,
    OPTION_TOKEN_FILE,
    OPTION_PREFIX,
    OPTION_SEED,
    OPTION_PATIENCE,
    OPTION_LOG,
    OPTION_IDLE,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"port", required_argument, NULL, OPTION_PORT},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"mix", required_argument, NULL, OPTION_MIX},
    {"skus", required_argument, NULL, OPTION_SKUS},
    {"items", required_argument, NULL, OPTION_ITEMS},
    {"token-file", required_argument, NULL, OPTION_TOKEN_FILE},
    {"prefix", required_argument, NULL, OPTION_PREFIX},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"patience", required_argument, NULL, OPTION_PATIENCE},
    {"log", required_argument, NULL, OPTION_LOG},
    {"idle", no_argument, NULL, OPTION_IDLE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

struct arguments {
    struct load_options load;
    bool is_idle;
};

/* Cuts `list` at its commas in place. */
static bool split_skus(char *list, struct load_recipe *recipe) {
    recipe->sku_count = 0;
    while (list != NULL && recipe->sku_count < LOAD_SKUS_MAX)
        recipe->skus[recipe->sku_count++] = strsep(&list, ",");
    return list == NULL;
}

static bool set_recipe_option(int id, char *value, struct load_recipe *recipe) {
    switch (id) {
    case OPTION_MIX:
        return load_mix_parse(value, recipe->weights);
    case OPTION_SKUS:
        return split_skus(value, recipe);
    case OPTION_ITEMS:
        recipe->lines = (unsigned)strtoul(value, NULL, 10);
        return recipe->lines > 0;
    case OPTION_SEED:
        recipe->seed = strtoull(value, NULL, 10);
        return true;
    default:
        return false;
    }
}

static bool read_token(const char *path, struct load_options *load) {
    static char token[8192];
    FILE *file = fopen(path, "re");

    if (file == NULL || fgets(token, sizeof(token), file) == NULL)
        return false;
    (void)fclose(file);
    token[strcspn(token, "\r\n")] = '\0';
    load->token = token;
    return token[0] != '\0';
}

static bool set_option(int id, char *value, struct arguments *arguments) {
    struct load_options *load = &arguments->load;

    switch (id) {
    case OPTION_PORT:
        load->port = (uint16_t)strtoul(value, NULL, 10);
        return load->port != 0;
    case OPTION_CONNECTIONS:
        load->connections = (unsigned)strtoul(value, NULL, 10);
        return load->connections > 0;
    case OPTION_RATE:
        load->rate = strtod(value, NULL);
        return load->rate > 0;
    case OPTION_COUNT:
        load->count = strtoull(value, NULL, 10);
        return load->count > 0;
    case OPTION_SECONDS:
        load->seconds = strtod(value, NULL);
        return load->seconds > 0;
    case OPTION_TOKEN_FILE:
        return read_token(value, load);
    case OPTION_PREFIX:
        load->prefix = value;
        return strlen(value) <= 100;
    case OPTION_PATIENCE:
        load->patience_ms = (int64_t)(strtod(value, NULL) * 1000);
        return load->patience_ms > 0;
    case OPTION_LOG:
        load->log = fopen(value, "ae");
        return load->log != NULL;
    case OPTION_IDLE:
        arguments->is_idle = true;
        return true;
    default:
        return set_recipe_option(id, value, &load->recipe);
    }
}

static bool parse_arguments(int argc, char **argv, struct arguments *arguments) {
    int id;

    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (id == OPTION_HELP) {
            fputs(usage, stdout);
            exit(0);
        }
        if (!set_option(id, optarg, arguments))
            return false;
    }
    const struct load_options *load = &arguments->load;
    return optind == argc && load->port != 0 && load->recipe.lines <= load->recipe.sku_count;
}

int main(int argc, char **argv) {
    struct arguments arguments = {
        .load = {.connections = 16, .patience_ms = 120000, .prefix = "load-", .stop = &is_stopping},
    };
    struct load_recipe *recipe = &arguments.load.recipe;
    struct load_result result = {0};
    struct buf summary = {0};

    *recipe = (struct load_recipe){
        .seed = 1, .weights = {100}, .skus = {"TSHIRT-BLK-M"}, .sku_count = 1, .lines = 1};
    if (!parse_arguments(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return 2;
    }
    (void)signal(SIGTERM, stop);
    (void)signal(SIGINT, stop);
    bool has_run = arguments.is_idle ? load_run_idle(&arguments.load, &result)
                                     : load_run(&arguments.load, &result);
    load_result_write(&result, recipe->seed, &summary);
    puts(summary.ptr);
    if (arguments.load.log != NULL)
        (void)fclose(arguments.load.log);
    bool is_complete = has_run && result.accepted == result.placed;
    load_result_fini(&result);
    buf_fini(&summary);
    return is_complete ? 0 : 1;
}
