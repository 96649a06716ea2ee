#include "tests/support/servers/program.h"

#include "tests/support/network/http.h"

#include <signal.h>
#include <stdio.h>

struct process *program_start(const char *name, const struct environment *environment,
                              const char *log_path) {
    char path[512];
    snprintf(path, sizeof(path), OM_BINARY_DIR "/bin/om-%s", name);
    return process_start(&(struct process_options){
        .argv = (const char *[]){path, NULL}, .environment = environment, .log_path = log_path});
}

bool program_is_ready(void *port) {
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", *(const int *)port);
    bool is_ready = http_get(url, &response) == 200;
    http_response_fini(&response);
    return is_ready;
}

int program_end(struct process **program, int64_t timeout_ms) {
    int exit_code = -1;
    process_signal(*program, SIGTERM);
    if (!process_wait(*program, timeout_ms, &exit_code))
        exit_code = -1;
    process_destroy(program);
    return exit_code;
}
