/* The Authorization headers that are sent, and the answers to those that are not accepted. */
#include "gateway/admit/auth.h"
#include "tests/support/base/test.h"
#include "tests/support/data/token.h"

#define NOW INT64_C(1800000000)
#define HEADER "{\"alg\":\"HS256\"}"
#define CLAIMS_UNTIL(exp) "{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"C1\",\"exp\":" exp "}"

static char key_path[] = "/tmp/ordermesh-auth-XXXXXX";
static struct signing_key *key;
static struct auth *auth;

static enum status open_auth(const char *mode, const char *address, struct auth **opened,
                             struct error *error) {
    return auth_create(&(struct auth_options){.mode = mode,
                                              .http_address = address,
                                              .token = {.algorithm = "HS256",
                                                        .key_file = key_path,
                                                        .old_key_file = "",
                                                        .issuer = "i",
                                                        .audience = "a",
                                                        .tenant = "default"}},
                       opened, error);
}

static int setup(void **state) {
    (void)state;
    struct error error;
    int fd = mkstemp(key_path);
    if (fd == -1)
        return -1;
    close(fd);
    key = signing_key_create("HS256");
    signing_key_write_private(key, key_path);
    return open_auth("jwt", "0.0.0.0", &auth, &error) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    auth_destroy(&auth);
    signing_key_destroy(&key);
    return unlink(key_path);
}

/* --- without tokens --------------------------------------------------------------------------- */

static void no_token_is_asked_for_on_loopback_only(void **state) {
    (void)state;
    static const struct {
        const char *address;
        bool is_loopback;
    } rows[] = {{"127.0.0.1", true}, {"127.9.9.9", true},         {"::1", true},
                {"localhost", true}, {"0.0.0.0", false},          {"::", false},
                {"10.0.0.1", false}, {"192.168.1.7", false},      {"::ffff:127.0.0.1", false},
                {"example", false},  {"127.0.0.1.nip.io", false}, {"localhost.evil", false},
                {"", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct auth *opened = NULL;
        struct error error;
        enum status status = open_auth("none", rows[i].address, &opened, &error);
        if ((status == STATUS_OK) != rows[i].is_loopback)
            fail_msg("%s", rows[i].address);
        auth_destroy(&opened);
    }
}

static void an_unknown_mode_is_refused(void **state) {
    (void)state;
    struct auth *opened = NULL;
    struct error error;
    assert_int_equal(open_auth("None", "127.0.0.1", &opened, &error), STATUS_INVALID);
    assert_contains(error.text, "OM_AUTH");
}

static void where_no_token_is_asked_for_everybody_may_everything(void **state) {
    (void)state;
    struct auth *opened = NULL;
    struct error error;
    struct caller caller = {0};
    struct auth_refusal refusal;
    assert_int_equal(open_auth("none", "127.0.0.1", &opened, &error), STATUS_OK);
    assert_true(auth_judge(opened, &(struct auth_headers){0}, NOW, &caller, &refusal));
    assert_true(auth_permits(&caller, SCOPE_ADMIN, OWNER_PLATFORM, &refusal));
    assert_int_equal(caller_customer(&caller).len, 0);
    assert_string_equal(caller.tenant, "default");
    assert_false(auth_judge(opened, &(struct auth_headers){2, slice_of("Bearer x")}, NOW, &caller,
                            &refusal));
    assert_int_equal(refusal.problem, PROBLEM_MALFORMED_REQUEST);
    auth_destroy(&opened);
}

static bool trusts(const struct auth *judge, const char *host, const char *origin,
                   const char *fetch_site, bool is_safe) {
    struct auth_refusal refusal;
    const struct auth_site site = {slice_of(host), slice_of(origin), slice_of(fetch_site), is_safe,
                                   false};
    return auth_trusts_site(judge, &site, &refusal);
}

static struct auth *open_to_anybody(void) {
    struct auth *opened = NULL;
    struct error error;
    assert_int_equal(open_auth("none", "127.0.0.1", &opened, &error), STATUS_OK);
    return opened;
}

/* A stranger's name that resolves to 127.0.0.1 makes a browser take the page there for the
   stranger's own. */
static void without_tokens_the_host_must_be_this_machine(void **state) {
    (void)state;
    static const char *const ours[] = {"localhost", "LOCALHOST:8080", "127.0.0.1",  "127.9.9.9:1",
                                       "[::1]",     "[::1]:8080",     "localhost:", ""};
    static const char *const others[] = {"evil.example",
                                         "evil.example:8080",
                                         "localhost.evil.example",
                                         "127.0.0.1.nip.io",
                                         "10.0.0.1",
                                         "[::2]",
                                         "[::1",
                                         "::1",
                                         "localhost:x",
                                         "[::1]x",
                                         "localhost:80:80",
                                         "127.0.0.1@evil.example"};
    struct auth *opened = open_to_anybody();
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (!trusts(opened, ours[i], NULL, NULL, true))
            fail_msg("%s was refused", ours[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (trusts(opened, others[i], NULL, NULL, true))
            fail_msg("%s was taken", others[i]);
    assert_true(trusts(auth, "evil.example", NULL, NULL, false));
    auth_destroy(&opened);
}

static void without_tokens_nothing_is_changed_for_another_sites_page(void **state) {
    (void)state;
    struct auth *opened = open_to_anybody();
    assert_true(trusts(opened, "localhost:8080", NULL, NULL, false));
    assert_true(trusts(opened, "localhost:8080", "http://localhost:8080", NULL, false));
    assert_true(trusts(opened, "localhost:8080", "https://LOCALHOST:8080", "same-origin", false));
    assert_true(trusts(opened, "localhost:8080", NULL, "none", false));
    assert_true(trusts(opened, "localhost:8080", "http://evil.example", "cross-site", true));
    assert_false(trusts(opened, "localhost:8080", "http://evil.example", NULL, false));
    assert_false(trusts(opened, "localhost:8080", "http://localhost", NULL, false));
    assert_false(trusts(opened, "localhost:8080", "null", NULL, false));
    assert_false(trusts(opened, "localhost:8080", NULL, "same-site", false));
    assert_true(trusts(auth, "shop.example", "https://other.example", "cross-site", false));
    auth_destroy(&opened);
}

/* --- with tokens ------------------------------------------------------------------------------ */

static bool judge(unsigned count, const char *header, struct auth_refusal *refusal) {
    struct caller caller = {0};
    return auth_judge(auth, &(struct auth_headers){count, slice_of(header)}, NOW, &caller, refusal);
}

static void the_scheme_is_bearer_in_any_case(void **state) {
    (void)state;
    static const char *const schemes[] = {"Bearer ", "bearer ", "BEARER  "};
    char *token = token_sign(key, HEADER, CLAIMS_UNTIL("1800000001"));
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct auth_refusal refusal;
        struct buf header = {0};
        buf_printf(&header, "%s%s", schemes[i], token);
        assert_true(judge(1, header.ptr, &refusal));
        buf_fini(&header);
    }
    free(token);
}

static void who_sends_no_token_is_asked_for_one(void **state) {
    (void)state;
    static const char *const headers[] = {"Basic Zm9vOmJhcg==", "BearerToken", "", "Token x"};
    struct auth_refusal refusal;
    assert_false(judge(0, NULL, &refusal));
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_false(judge(1, headers[i], &refusal));
        assert_int_equal(refusal.problem, PROBLEM_UNAUTHORIZED);
        assert_string_equal(refusal.challenge, "Bearer realm=\"ordermesh\"");
    }
}

static void a_wrong_token_is_told_why(void **state) {
    (void)state;
    struct auth_refusal refusal;
    struct buf header = {0};
    char *token = token_sign(key, HEADER, CLAIMS_UNTIL("1800000000"));
    buf_printf(&header, "Bearer %s", token);
    assert_false(judge(1, header.ptr, &refusal));
    assert_int_equal(refusal.problem, PROBLEM_UNAUTHORIZED);
    assert_string_equal(refusal.challenge, "Bearer realm=\"ordermesh\", error=\"invalid_token\", "
                                           "error_description=\"the token has expired\"");
    assert_false(judge(1, "Bearer", &refusal));
    assert_contains(refusal.challenge, "invalid_token");
    assert_false(judge(1, "Bearer a b", &refusal));
    assert_contains(refusal.challenge, "invalid_token");
    buf_fini(&header);
    free(token);
}

static void two_headers_are_a_bad_request(void **state) {
    (void)state;
    struct auth_refusal refusal;
    assert_false(judge(2, "Bearer x", &refusal));
    assert_int_equal(refusal.problem, PROBLEM_MALFORMED_REQUEST);
    assert_contains(refusal.challenge, "invalid_request");
}

static void a_missing_scope_is_named(void **state) {
    (void)state;
    struct auth_refusal refusal;
    const struct caller caller = {.scopes = SCOPE_ORDERS_READ};
    assert_true(auth_permits(&caller, SCOPE_PUBLIC, OWNER_ANYBODY, &refusal));
    assert_true(auth_permits(&caller, SCOPE_ORDERS_READ, OWNER_EVERY_TENANT, &refusal));
    assert_false(auth_permits(&caller, SCOPE_ADMIN, OWNER_PLATFORM, &refusal));
    assert_int_equal(refusal.problem, PROBLEM_INSUFFICIENT_SCOPE);
    assert_string_equal(refusal.challenge, "Bearer realm=\"ordermesh\", "
                                           "error=\"insufficient_scope\", scope=\"admin\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_token_is_asked_for_on_loopback_only),
        cmocka_unit_test(an_unknown_mode_is_refused),
        cmocka_unit_test(where_no_token_is_asked_for_everybody_may_everything),
        cmocka_unit_test(without_tokens_the_host_must_be_this_machine),
        cmocka_unit_test(without_tokens_nothing_is_changed_for_another_sites_page),
        cmocka_unit_test(the_scheme_is_bearer_in_any_case),
        cmocka_unit_test(who_sends_no_token_is_asked_for_one),
        cmocka_unit_test(a_wrong_token_is_told_why),
        cmocka_unit_test(two_headers_are_a_bad_request),
        cmocka_unit_test(a_missing_scope_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
