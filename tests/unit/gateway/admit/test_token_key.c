/* Signatures as the standard's own examples have them (RFC 7515, appendix A). */
#include "gateway/admit/token_key.h"
#include "tests/support/base/test.h"

#include <sodium.h>

#define PAYLOAD                                                                                    \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static const struct vector {
    enum token_algorithm algorithm;
    const char *key; /* the secret, or the point of the public key: x and y */
    const char *text, *signature;
} vectors[] = {
    {TOKEN_HS256,
     "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." PAYLOAD,
     "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {TOKEN_ES256,
     "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3-257rn0s2ldbqkLJK2KRiMohYjlrQ",
     "eyJhbGciOiJFUzI1NiJ9." PAYLOAD,
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
};
enum { VECTOR_COUNT = sizeof(vectors) / sizeof(vectors[0]) };

static size_t decode(const char *text, unsigned char *out, size_t size) {
    size_t len = 0;
    assert_int_equal(sodium_base642bin(out, size, text, strlen(text), NULL, &len, NULL,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    return len;
}

/* The point as a SubjectPublicKeyInfo of curve P-256 (RFC 5480). */
static void write_public_key(FILE *file, const unsigned char *point, size_t len) {
    static const unsigned char head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    unsigned char whole[sizeof(head) + 64];
    char text[256];
    assert_int_equal(len, 64);
    memcpy(whole, head, sizeof(head));
    memcpy(whole + sizeof(head), point, len);
    sodium_bin2base64(text, sizeof(text), whole, sizeof(whole), sodium_base64_VARIANT_ORIGINAL);
    fprintf(file, "-----BEGIN PUBLIC KEY-----\n%.64s\n%s\n-----END PUBLIC KEY-----\n", text,
            text + 64);
}

static struct token_key *key_of(const struct vector *vector) {
    char path[] = "/tmp/ordermesh-key-XXXXXX";
    unsigned char bytes[128];
    struct token_key *key = NULL;
    struct error error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    size_t len = decode(vector->key, bytes, sizeof(bytes));
    if (vector->algorithm == TOKEN_HS256)
        fwrite(bytes, 1, len, file);
    else
        write_public_key(file, bytes, len);
    fclose(file);
    enum status status = token_key_read(vector->algorithm, path, &key, &error);
    unlink(path);
    if (status != STATUS_OK)
        fail_msg("%s", error.text);
    return key;
}

static void the_standards_examples_are_right(void **state) {
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        unsigned char bytes[128];
        struct token_key *key = key_of(&vectors[i]);
        size_t len = decode(vectors[i].signature, bytes, sizeof(bytes));
        assert_true(token_key_verify(key, slice_of(vectors[i].text),
                                     (struct slice){(const char *)bytes, len}));
        token_key_destroy(&key);
    }
}

static void a_signature_with_one_bit_changed_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        unsigned char bytes[128];
        struct token_key *key = key_of(&vectors[i]);
        size_t len = decode(vectors[i].signature, bytes, sizeof(bytes));
        for (size_t bit = 0; bit < 8 * len; bit += 7) {
            struct slice signature = {(const char *)bytes, len};
            bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
            assert_false(token_key_verify(key, slice_of(vectors[i].text), signature));
            bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
        }
        assert_false(token_key_verify(key, slice_of("eyJhbGciOiJFUzI1NiJ9." PAYLOAD "x"),
                                      (struct slice){(const char *)bytes, len}));
        token_key_destroy(&key);
    }
}

static void a_signature_of_another_length_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        unsigned char bytes[128] = {0};
        struct token_key *key = key_of(&vectors[i]);
        size_t whole = decode(vectors[i].signature, bytes, sizeof(bytes));
        for (size_t len = 0; len <= sizeof(bytes); len++)
            assert_int_equal(token_key_verify(key, slice_of(vectors[i].text),
                                              (struct slice){(const char *)bytes, len}),
                             len == whole);
        token_key_destroy(&key);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_examples_are_right),
        cmocka_unit_test(a_signature_with_one_bit_changed_is_wrong),
        cmocka_unit_test(a_signature_of_another_length_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
