#include "tests/support/network/certificate.h"

#include "shared/base/buf.h"
#include "tests/support/base/process.h"

#define TIMEOUT_MS 20000

void certificate_create(const char *dir) {
    struct buf certificate = {0}, key = {0}, log = {0};
    buf_printf(&certificate, "%s/server.pem", dir);
    buf_printf(&key, "%s/server.key", dir);
    buf_printf(&log, "%s/openssl.log", dir);
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-keyout",
                                key.ptr,
                                "-out",
                                certificate.ptr,
                                "-days",
                                "2",
                                "-subj",
                                "/CN=server",
                                "-addext",
                                "subjectAltName=IP:127.0.0.1",
                                NULL};
    const struct process_options options = {.argv = argv, .log_path = log.ptr};
    if (process_run(&options, TIMEOUT_MS) != 0)
        fixture_fail("openssl made no certificate, see %s", log.ptr);
    buf_fini(&certificate);
    buf_fini(&key);
    buf_fini(&log);
}
