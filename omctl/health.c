#include "omctl/health.h"

#include "shared/net/http_client.h"

#include <string.h>

#define TIMEOUT_MS 5000

/* Prints the answer, or why there is none, on one line: Docker and Kubernetes keep it for people.
 */
static int judge(const struct httpc_call *call) {
    bool is_healthy = call->result == HTTPC_ANSWERED && call->status >= 200 && call->status < 300;
    FILE *out = is_healthy ? stdout : stderr;
    if (call->result == HTTPC_ANSWERED)
        fprintf(out, "%d %s\n", call->status, call->answer.len > 0 ? call->answer.ptr : "");
    else
        fprintf(out, "omctl: health: %s\n", call->error);
    return is_healthy ? COMMAND_DONE : COMMAND_FAILED;
}

int health_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    if (argc != 1) {
        fprintf(stderr, "omctl: health: one URL is needed\n");
        return COMMAND_USAGE;
    }
    if (strncmp(argv[0], "http://", 7) != 0 && strncmp(argv[0], "https://", 8) != 0) {
        fprintf(stderr, "omctl: health: %s is no URL, such as http://127.0.0.1:8080/readyz\n",
                argv[0]);
        return COMMAND_USAGE;
    }
    struct httpc *httpc = httpc_create(&(struct httpc_options){.parallel_max = 1});
    struct httpc_call call = {.url = argv[0], .timeout_ms = TIMEOUT_MS};
    httpc_perform(httpc, &call, 1);
    int code = judge(&call);
    httpc_call_fini(&call);
    httpc_destroy(&httpc);
    return code;
}
