/* Which tokens are taken, from whom, and what is said about the others. */
#include "gateway/admit/token_check.h"
#include "shared/json/json.h"
#include "tests/support/base/test.h"
#include "tests/support/data/token.h"

#define NOW INT64_C(1800000000)
#define LEEWAY 30

#define HEADER(alg) "{\"alg\":\"" alg "\",\"typ\":\"JWT\"}"
/* A payload is these with one claim in another way; `exp` has room behind NOW. */
#define ISS "\"iss\":\"https://id.example\""
#define AUD "\"aud\":\"ordermesh\""
#define SUB "\"sub\":\"C1\""
#define EXP "\"exp\":1800000600"
#define SCOPE "\"scope\":\"orders:read orders:write\""
#define GOOD "{" ISS "," AUD "," SUB "," EXP "," SCOPE "}"

/* Keys and gates of one algorithm; making RSA keys takes a while, so they are shared. */
struct party {
    const char *algorithm;
    struct signing_key *key, *old_key, *foreign_key;
    struct token_checker *gate;
};

static struct party parties[] = {
    {.algorithm = "HS256"}, {.algorithm = "RS256"}, {.algorithm = "ES256"}};
enum { PARTY_COUNT = sizeof(parties) / sizeof(parties[0]) };
static const struct party *const hs256 = &parties[0];

static char directory[] = "/tmp/ordermesh-token-XXXXXX";

static const char *path_of(const char *name) {
    static char path[2][128];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
    return path[turn];
}

static enum status open_gate(const char *algorithm, const char *file, const char *old_file,
                             struct token_checker **gate, struct error *error) {
    return token_checker_create(&(struct token_checker_options){.algorithm = algorithm,
                                                                .key_file = file,
                                                                .old_key_file = old_file,
                                                                .issuer = "https://id.example",
                                                                .audience = "ordermesh",
                                                                .leeway_s = LEEWAY,
                                                                .tenant = "default"},
                                gate, error);
}

static int setup(void **state) {
    (void)state;
    struct error error;
    if (mkdtemp(directory) == NULL)
        return -1;
    for (size_t i = 0; i < PARTY_COUNT; i++) {
        struct party *party = &parties[i];
        party->key = signing_key_create(party->algorithm);
        party->old_key = signing_key_create(party->algorithm);
        party->foreign_key = signing_key_create(party->algorithm);
        signing_key_write_public(party->key, path_of("key"));
        signing_key_write_public(party->old_key, path_of("old"));
        if (open_gate(party->algorithm, path_of("key"), path_of("old"), &party->gate, &error) !=
            STATUS_OK) {
            print_error("%s\n", error.text);
            return -1;
        }
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (size_t i = 0; i < PARTY_COUNT; i++) {
        token_checker_destroy(&parties[i].gate);
        signing_key_destroy(&parties[i].key);
        signing_key_destroy(&parties[i].old_key);
        signing_key_destroy(&parties[i].foreign_key);
    }
    unlink(path_of("key"));
    unlink(path_of("old"));
    unlink(path_of("wrong"));
    return rmdir(directory);
}

static enum token_fault check(const struct party *party, const char *token) {
    struct caller caller = {0};
    return token_check(party->gate, slice_of(token), NOW, &caller);
}

static enum token_fault check_signed(const struct party *party, const char *header,
                                     const char *payload) {
    char *token = token_sign(party->key, header, payload);
    enum token_fault fault = check(party, token);
    free(token);
    return fault;
}

static const char *header_of(const struct party *party) {
    static char header[64];
    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", party->algorithm);
    return header;
}

/* --- who is let in ---------------------------------------------------------------------------- */

static void a_good_token_names_its_caller(void **state) {
    (void)state;
    for (size_t i = 0; i < PARTY_COUNT; i++) {
        struct caller caller = {0};
        char *token = token_sign(parties[i].key, header_of(&parties[i]), GOOD);
        assert_int_equal(token_check(parties[i].gate, slice_of(token), NOW, &caller),
                         TOKEN_FAULT_NONE);
        assert_string_equal(caller.subject, "C1");
        assert_string_equal(caller.tenant, "default");
        assert_int_equal(caller.scopes, SCOPE_ORDERS_READ | SCOPE_ORDERS_WRITE);
        assert_false(caller_has_expired(&caller, NOW + 600 + LEEWAY - 1));
        assert_true(caller_has_expired(&caller, NOW + 600 + LEEWAY));
        free(token);
    }
}

static void the_previous_key_is_taken_and_a_foreign_one_is_not(void **state) {
    (void)state;
    for (size_t i = 0; i < PARTY_COUNT; i++) {
        char *old = token_sign(parties[i].old_key, header_of(&parties[i]), GOOD);
        char *foreign = token_sign(parties[i].foreign_key, header_of(&parties[i]), GOOD);
        assert_int_equal(check(&parties[i], old), TOKEN_FAULT_NONE);
        assert_int_equal(check(&parties[i], foreign), TOKEN_FAULT_SIGNATURE);
        free(old);
        free(foreign);
    }
}

static void scopes_are_words_and_others_count_for_nothing(void **state) {
    (void)state;
    assert_int_equal(scopes_parse(slice_of("admin")), SCOPE_ADMIN);
    assert_int_equal(scopes_parse(slice_of("openid orders:read  profile")), SCOPE_ORDERS_READ);
    assert_int_equal(scopes_parse(slice_of("administrator orders:readx Admin")), 0);
    assert_int_equal(scopes_parse(slice_of("")), 0);
}

static void an_administrator_may_everything_and_is_no_customer(void **state) {
    (void)state;
    struct caller caller = {.scopes = SCOPE_ADMIN, .subject = "root"};
    assert_true(caller_may(&caller, SCOPE_ORDERS_WRITE));
    assert_int_equal(caller_customer(&caller).len, 0);
    caller.scopes = SCOPE_ORDERS_READ;
    assert_false(caller_may(&caller, SCOPE_ORDERS_WRITE));
    assert_false(caller_may(&caller, SCOPE_ADMIN));
    assert_slice_equal(caller_customer(&caller), "root");
}

/* --- headers ---------------------------------------------------------------------------------- */

static void the_algorithm_is_the_configured_one_to_the_letter(void **state) {
    (void)state;
    static const char *const headers[] = {
        HEADER("none"),
        HEADER("NoNe"),
        HEADER("HS512"),
        HEADER("hs256"),
        HEADER("RS256"),
        HEADER("HS256 "),
        HEADER(""),
        "{}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":null}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":true}",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (check_signed(hs256, headers[i], GOOD) != TOKEN_FAULT_ALGORITHM)
            fail_msg("%s is not refused for its algorithm", headers[i]);
}

/* The public key is no secret: taken as one, anybody could sign with it. */
static void a_public_key_cannot_be_used_as_a_secret(void **state) {
    (void)state;
    struct token_checker *gate = NULL;
    struct error error;
    signing_key_write_public(parties[1].key, path_of("wrong"));
    assert_int_equal(check_signed(&parties[1], HEADER("HS256"), GOOD), TOKEN_FAULT_ALGORITHM);
    assert_int_equal(open_gate("HS256", path_of("wrong"), "", &gate, &error), STATUS_INVALID);
    assert_contains(error.text, "not a PEM file");
}

static void a_header_that_asks_for_more_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *header;
        enum token_fault fault;
    } rows[] = {
        {"{\"alg\":\"HS256\"}", TOKEN_FAULT_NONE},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"1\"}", TOKEN_FAULT_NONE},
        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", TOKEN_FAULT_HEADER},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", TOKEN_FAULT_HEADER},
        {"{\"alg\":\"HS256\",\"crit\":null}", TOKEN_FAULT_HEADER},
        {"{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", TOKEN_FAULT_HEADER},
        {"{\"alg\":\"HS256\",\"typ\":7}", TOKEN_FAULT_HEADER},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", TOKEN_FAULT_MALFORMED},
        {"[\"HS256\"]", TOKEN_FAULT_MALFORMED},
        {"HS256", TOKEN_FAULT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum token_fault fault = check_signed(hs256, rows[i].header, GOOD);
        if (fault != rows[i].fault)
            fail_msg("%s: %s", rows[i].header, token_fault_label(fault));
    }
}

/* --- claims ----------------------------------------------------------------------------------- */

static void every_claim_counts_with_its_type(void **state) {
    (void)state;
    static const struct {
        const char *payload;
        enum token_fault fault;
    } rows[] = {
        {"{" ISS "," AUD "," SUB "," EXP "}", TOKEN_FAULT_NONE},
        /* time */
        {"{" ISS "," AUD "," SUB "}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB ",\"exp\":\"1800000600\"}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB ",\"exp\":1800000600.5}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB ",\"exp\":1.8e10}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB ",\"exp\":null}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB ",\"exp\":true}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB ",\"exp\":99999999999999999999}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB ",\"exp\":0}", TOKEN_FAULT_EXPIRED},
        {"{" ISS "," AUD "," SUB ",\"exp\":-1}", TOKEN_FAULT_EXPIRED},
        {"{" ISS "," AUD "," SUB ",\"exp\":1799999970}", TOKEN_FAULT_EXPIRED},
        {"{" ISS "," AUD "," SUB ",\"exp\":1799999971}", TOKEN_FAULT_NONE},
        {"{" ISS "," AUD "," SUB ",\"exp\":9223372036854775807}", TOKEN_FAULT_NONE},
        {"{" ISS "," AUD "," SUB "," EXP ",\"nbf\":1800000030}", TOKEN_FAULT_NONE},
        {"{" ISS "," AUD "," SUB "," EXP ",\"nbf\":1800000031}", TOKEN_FAULT_EARLY},
        {"{" ISS "," AUD "," SUB "," EXP ",\"nbf\":9223372036854775807}", TOKEN_FAULT_EARLY},
        {"{" ISS "," AUD "," SUB "," EXP ",\"nbf\":\"0\"}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB "," EXP ",\"iat\":1800000031}", TOKEN_FAULT_EARLY},
        {"{" ISS "," AUD "," SUB "," EXP ",\"iat\":0.5}", TOKEN_FAULT_CLAIMS},
        /* issuer and audience */
        {"{" AUD "," SUB "," EXP "}", TOKEN_FAULT_CLAIMS},
        {"{\"iss\":7," AUD "," SUB "," EXP "}", TOKEN_FAULT_CLAIMS},
        {"{\"iss\":\"https://id.example/\"," AUD "," SUB "," EXP "}", TOKEN_FAULT_ISSUER},
        {"{\"iss\":\"\"," AUD "," SUB "," EXP "}", TOKEN_FAULT_ISSUER},
        {"{" ISS "," SUB "," EXP "}", TOKEN_FAULT_CLAIMS},
        {"{" ISS ",\"aud\":\"other\"," SUB "," EXP "}", TOKEN_FAULT_AUDIENCE},
        {"{" ISS ",\"aud\":\"ordermesh2\"," SUB "," EXP "}", TOKEN_FAULT_AUDIENCE},
        {"{" ISS ",\"aud\":[\"other\",\"ordermesh\"]," SUB "," EXP "}", TOKEN_FAULT_NONE},
        {"{" ISS ",\"aud\":[]," SUB "," EXP "}", TOKEN_FAULT_AUDIENCE},
        {"{" ISS ",\"aud\":[\"other\"]," SUB "," EXP "}", TOKEN_FAULT_AUDIENCE},
        {"{" ISS ",\"aud\":[\"ordermesh\",7]," SUB "," EXP "}", TOKEN_FAULT_CLAIMS},
        {"{" ISS ",\"aud\":{\"ordermesh\":1}," SUB "," EXP "}", TOKEN_FAULT_CLAIMS},
        /* the caller */
        {"{" ISS "," AUD "," EXP "}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD ",\"sub\":\"\"," EXP "}", TOKEN_FAULT_SUBJECT},
        {"{" ISS "," AUD ",\"sub\":1," EXP "}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD ",\"sub\":\"C1\\u0000\"," EXP "}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD ",\"sub\":\"C\\r\\n1\"," EXP "}", TOKEN_FAULT_SUBJECT},
        {"{" ISS "," AUD ",\"sub\":\"C\\u202e1\"," EXP "}", TOKEN_FAULT_SUBJECT},
        {"{" ISS "," AUD "," SUB "," EXP ",\"scope\":[\"admin\"]}", TOKEN_FAULT_CLAIMS},
        {"{" ISS "," AUD "," SUB "," EXP ",\"tenant\":\"acme\"}", TOKEN_FAULT_NONE},
        {"{" ISS "," AUD "," SUB "," EXP ",\"tenant\":\"a b\"}", TOKEN_FAULT_TENANT},
        {"{" ISS "," AUD "," SUB "," EXP ",\"tenant\":\"\"}", TOKEN_FAULT_TENANT},
        {"{" ISS "," AUD "," SUB "," EXP ",\"tenant\":null}", TOKEN_FAULT_CLAIMS},
        /* two readers could take different ones */
        {"{" ISS "," AUD "," SUB "," EXP ",\"sub\":\"C2\"}", TOKEN_FAULT_MALFORMED},
        {"{" ISS "," AUD "," SUB "," EXP "} ", TOKEN_FAULT_NONE},
        {"{" ISS "," AUD "," SUB "," EXP "}{}", TOKEN_FAULT_MALFORMED},
        {"[]", TOKEN_FAULT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum token_fault fault = check_signed(hs256, HEADER("HS256"), rows[i].payload);
        if (fault != rows[i].fault)
            fail_msg("%s: %s", rows[i].payload, token_fault_label(fault));
    }
}

static void a_subject_fits_or_is_refused(void **state) {
    (void)state;
    for (int len = CALLER_SUBJECT_MAX; len <= CALLER_SUBJECT_MAX + 1; len++) {
        struct buf payload = {0};
        buf_printf(&payload, "{" ISS "," AUD "," EXP ",\"sub\":\"%0*d\"}", len, 0);
        assert_int_equal(check_signed(hs256, HEADER("HS256"), payload.ptr),
                         len == CALLER_SUBJECT_MAX ? TOKEN_FAULT_NONE : TOKEN_FAULT_SUBJECT);
        buf_fini(&payload);
    }
}

/* --- the token as text ------------------------------------------------------------------------ */

static void assert_refused(const struct party *party, enum token_fault fault, const char *format,
                           ...) __attribute__((format(printf, 3, 4)));

static void assert_refused(const struct party *party, enum token_fault fault, const char *format,
                           ...) {
    char token[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(token, sizeof(token), format, args);
    va_end(args);
    enum token_fault found = check(party, token);
    if (found != fault)
        fail_msg("%s: %s, not %s", token, token_fault_label(found), token_fault_label(fault));
}

static void every_byte_of_a_token_matters(void **state) {
    (void)state;
    for (size_t i = 0; i < PARTY_COUNT; i++) {
        const struct party *party = &parties[i];
        char *token = token_sign(party->key, header_of(party), GOOD);
        int signed_len = (int)(strrchr(token, '.') - token);
        assert_refused(party, TOKEN_FAULT_MALFORMED, "%.*s", signed_len, token);
        assert_refused(party, TOKEN_FAULT_MALFORMED, "%.*s.", signed_len, token);
        assert_refused(party, TOKEN_FAULT_MALFORMED, "%s.", token);
        assert_refused(party, TOKEN_FAULT_MALFORMED, "%s.e30", token);
        assert_refused(party, TOKEN_FAULT_MALFORMED, "%s=", token);
        assert_refused(party, TOKEN_FAULT_MALFORMED, "%s ", token);
        assert_refused(party, TOKEN_FAULT_MALFORMED, ".%s", token);
        assert_refused(party, TOKEN_FAULT_SIGNATURE, "%.*s.%s", signed_len, token, "AAAA");
        assert_refused(party, TOKEN_FAULT_SIGNATURE, "%.*s", signed_len + 1 + 4 * 8, token);
        token[signed_len - 4] = token[signed_len - 4] == 'A' ? 'B' : 'A';
        assert_refused(party, TOKEN_FAULT_SIGNATURE, "%s", token);
        free(token);
    }
    static const char *const texts[] = {"",           ".", "..", "...", "a.b.c", "e30.e30.AAAA",
                                        "\xff.e30.AA"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_not_equal(check(hs256, texts[i]), TOKEN_FAULT_NONE);
}

static void an_unsigned_token_is_refused(void **state) {
    (void)state;
    struct buf token = {0};
    token_encode(slice_of(HEADER("none")), &token);
    buf_append_char(&token, '.');
    token_encode(slice_of(GOOD), &token);
    assert_refused(hs256, TOKEN_FAULT_MALFORMED, "%s", token.ptr);
    assert_refused(hs256, TOKEN_FAULT_MALFORMED, "%s.", token.ptr);
    assert_refused(hs256, TOKEN_FAULT_ALGORITHM, "%s.AAAA", token.ptr);
    buf_fini(&token);
}

static void a_token_of_8_kib_is_refused(void **state) {
    (void)state;
    bool was_taken = false, was_refused = false;
    for (int padding = 5900; padding < 6100; padding++) {
        struct buf payload = {0};
        buf_printf(&payload, "{" ISS "," AUD "," SUB "," EXP ",\"x\":\"%0*d\"}", padding, 0);
        char *token = token_sign(hs256->key, HEADER("HS256"), payload.ptr);
        bool is_short = strlen(token) < TOKEN_LESS_THAN_BYTES;
        assert_int_equal(check(hs256, token), is_short ? TOKEN_FAULT_NONE : TOKEN_FAULT_MALFORMED);
        was_taken = was_taken || is_short;
        was_refused = was_refused || !is_short;
        free(token);
        buf_fini(&payload);
    }
    assert_true(was_taken && was_refused);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void assert_key_refused(const char *algorithm, const char *text) {
    struct token_checker *gate = NULL;
    struct error error;
    assert_int_equal(open_gate(algorithm, path_of("wrong"), "", &gate, &error), STATUS_INVALID);
    assert_contains(error.text, text);
    assert_null(gate);
}

static void a_key_that_does_not_fit_is_refused_at_start(void **state) {
    (void)state;
    FILE *file = fopen(path_of("wrong"), "w");
    fputs("0123456789012345678901234567890\n", file);
    fclose(file);
    assert_key_refused("HS256", "at least 32 bytes");
    assert_key_refused("RS256", "no public key");
    signing_key_write_public(parties[1].key, path_of("wrong"));
    assert_key_refused("ES256", "P-256");
    signing_key_write_public(parties[2].key, path_of("wrong"));
    assert_key_refused("RS256", "RSA");
    assert_key_refused("none", "OM_JWT_ALG");
    assert_key_refused("HS384", "OM_JWT_ALG");
}

static void a_missing_setting_is_named(void **state) {
    (void)state;
    struct token_checker *gate = NULL;
    struct error error;
    assert_int_equal(open_gate("HS256", path_of("nothing"), "", &gate, &error), STATUS_NOT_FOUND);
    assert_int_equal(open_gate("ES256", path_of("key"), path_of("nothing"), &gate, &error),
                     STATUS_NOT_FOUND);
    assert_int_equal(open_gate("HS256", "", "", &gate, &error), STATUS_INVALID);
    assert_contains(error.text, "OM_JWT_KEY_FILE");
    assert_null(gate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_token_names_its_caller),
        cmocka_unit_test(the_previous_key_is_taken_and_a_foreign_one_is_not),
        cmocka_unit_test(scopes_are_words_and_others_count_for_nothing),
        cmocka_unit_test(an_administrator_may_everything_and_is_no_customer),
        cmocka_unit_test(the_algorithm_is_the_configured_one_to_the_letter),
        cmocka_unit_test(a_public_key_cannot_be_used_as_a_secret),
        cmocka_unit_test(a_header_that_asks_for_more_is_refused),
        cmocka_unit_test(every_claim_counts_with_its_type),
        cmocka_unit_test(a_subject_fits_or_is_refused),
        cmocka_unit_test(every_byte_of_a_token_matters),
        cmocka_unit_test(an_unsigned_token_is_refused),
        cmocka_unit_test(a_token_of_8_kib_is_refused),
        cmocka_unit_test(a_key_that_does_not_fit_is_refused_at_start),
        cmocka_unit_test(a_missing_setting_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
