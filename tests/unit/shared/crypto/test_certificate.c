#include "shared/crypto/certificate.h"

#include "shared/base/buf.h"
#include "tests/support/base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A certificate of the openssl command, for so many days. */
static void add_certificate(int days, struct buf *pem) {
    char command[256];
    snprintf(
        command, sizeof(command),
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null"
        " -subj /CN=test -days %d 2>/dev/null",
        days);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    char part[4096];
    size_t got;
    while ((got = fread(part, 1, sizeof(part), pipe)) > 0)
        buf_append(pem, part, got);
    assert_int_equal(pclose(pipe), 0);
}

static void of_several_the_end_of_the_first_to_end_counts(void **state) {
    (void)state;
    struct buf pem = {0};
    add_certificate(30, &pem);
    add_certificate(10, &pem);
    add_certificate(20, &pem);
    int64_t left_s = certificate_end(buf_slice(&pem)) - (int64_t)time(NULL);
    assert_in_range(left_s, 10 * 86400 - 600, 10 * 86400);
    buf_fini(&pem);
}

static void what_is_no_certificate_has_no_end(void **state) {
    (void)state;
    assert_int_equal(certificate_end(SLICE_LITERAL("no certificate")), 0);
    assert_int_equal(certificate_end(SLICE_LITERAL("")), 0);
    assert_int_equal(certificate_end_of(NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_several_the_end_of_the_first_to_end_counts),
        cmocka_unit_test(what_is_no_certificate_has_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
