/* `omctl token`: what it signs is what the gateway takes.

   Covers: omctl/signer.c omctl/token.c */
#include "gateway/admit/token_check.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/data/token.h"

#include <sys/wait.h>

static char directory[] = "/tmp/ordermesh-token-XXXXXX";

/* Runs `omctl token` with the private key of `algorithm`; its exit code. */
static int make_token(const char *algorithm, const char *arguments, struct buf *token) {
    struct buf command = {0};
    char text[4096];
    buf_printf(&command,
               "%s/bin/omctl token --alg %s --key-file %s/private --issuer i --audience a %s"
               " 2>/dev/null",
               OM_BINARY_DIR, algorithm, directory, arguments);
    FILE *pipe = popen(command.ptr, "r");
    assert_non_null(pipe);
    buf_clear(token);
    while (fgets(text, sizeof(text), pipe) != NULL)
        buf_append_text(token, text);
    int status = pclose(pipe);
    if (token->len > 0)
        token->len--; /* the end of its line */
    buf_fini(&command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_keys(const char *algorithm, char *public_path, size_t size) {
    char private_path[128];
    struct signing_key *key = signing_key_create(algorithm);
    snprintf(private_path, sizeof(private_path), "%s/private", directory);
    snprintf(public_path, size, "%s/public", directory);
    signing_key_write_private(key, private_path);
    signing_key_write_public(key, public_path);
    signing_key_destroy(&key);
}

static struct token_checker *open_gate(const char *algorithm, const char *public_path) {
    struct token_checker *gate = NULL;
    struct error error;
    const struct token_checker_options options = {.algorithm = algorithm,
                                                  .key_file = public_path,
                                                  .old_key_file = "",
                                                  .issuer = "i",
                                                  .audience = "a",
                                                  .tenant = "default"};
    if (token_checker_create(&options, &gate, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return gate;
}

static void what_it_signs_is_taken(void **state) {
    (void)state;
    static const char *const algorithms[] = {"HS256", "RS256", "ES256"};
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        char public_path[128];
        struct buf token = {0};
        struct caller caller = {0};
        write_keys(algorithms[i], public_path, sizeof(public_path));
        struct token_checker *gate = open_gate(algorithms[i], public_path);
        assert_int_equal(make_token(algorithms[i],
                                    "--sub C7 --scope 'orders:read admin' --tenant acme --ttl 2m",
                                    &token),
                         0);
        int64_t now_s = clock_now_us() / 1000000;
        assert_int_equal(token_check(gate, buf_slice(&token), now_s, &caller), TOKEN_FAULT_NONE);
        assert_string_equal(caller.subject, "C7");
        assert_string_equal(caller.tenant, "acme");
        assert_int_equal(caller.scopes, SCOPE_ORDERS_READ | SCOPE_ADMIN);
        assert_int_equal(token_check(gate, buf_slice(&token), now_s + 130, &caller),
                         TOKEN_FAULT_EXPIRED);
        token_checker_destroy(&gate);
        buf_fini(&token);
    }
}

static void what_it_cannot_sign_is_said(void **state) {
    (void)state;
    char public_path[128];
    struct buf token = {0};
    write_keys("HS256", public_path, sizeof(public_path));
    assert_int_equal(make_token("RS256", "--sub C1", &token), 1);
    assert_int_equal(make_token("none", "--sub C1", &token), 1);
    assert_int_equal(make_token("HS256", "", &token), 2);
    assert_int_equal(make_token("HS256", "--sub C1 --ttl long", &token), 2);
    assert_int_equal(make_token("HS256", "--sub ''", &token), 2);
    assert_int_equal(make_token("HS256", "--sub \"$(printf 'C\\t1')\"", &token), 2);
    assert_int_equal(token.len, 0);
    buf_fini(&token);
}

static int setup(void **state) {
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"private", "public"};
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_signs_is_taken),
        cmocka_unit_test(what_it_cannot_sign_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
