#include "shared/base/memory.h"
#include "shared/crypto/crypto.h"

#include "tests/support/base/test.h"

static const char key_a[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
static const char key_b[] = "ff0102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f";

/* Rings of key a, key b, and b with a as the old one. */
struct rings {
    char path_a[32], path_b[32], path_bad[32];
    struct key_ring *a, *b, *b_then_a;
};

static void write_key(char *path, const char *content) {
    memcpy(path, "/tmp/om-unit-XXXXXX", sizeof("/tmp/om-unit-XXXXXX"));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static int begin(void **state) {
    struct rings *rings = mem_alloc(sizeof(*rings));
    write_key(rings->path_a, key_a);
    write_key(rings->path_b, key_b);
    write_key(rings->path_bad, "0123 not a key");
    assert_int_equal(key_ring_create(rings->path_a, "", &rings->a, NULL), STATUS_OK);
    assert_int_equal(key_ring_create(rings->path_b, NULL, &rings->b, NULL), STATUS_OK);
    assert_int_equal(key_ring_create(rings->path_b, rings->path_a, &rings->b_then_a, NULL),
                     STATUS_OK);
    *state = rings;
    return 0;
}

static int end(void **state) {
    struct rings *rings = *state;
    unlink(rings->path_a);
    unlink(rings->path_b);
    unlink(rings->path_bad);
    key_ring_destroy(&rings->a);
    key_ring_destroy(&rings->b);
    key_ring_destroy(&rings->b_then_a);
    free(rings);
    return 0;
}

static void sha256_agrees_with_the_standards_example(void **state) {
    (void)state;
    uint8_t hash[32];
    char text[65];

    sha256("abc", 3, hash);
    hex_encode(hash, sizeof(hash), text);

    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void what_was_sealed_is_opened(void **state) {
    struct rings *rings = *state;
    static const char *const plains[] = {"", "x", "{\"email\":\"c100@example.com\"}"};

    for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
        struct buf sealed = {0}, plain = {0};
        key_ring_seal(rings->a, slice_of(plains[i]), &sealed);
        assert_int_equal(key_ring_open(rings->a, buf_slice(&sealed), &plain, NULL), STATUS_OK);
        assert_slice_equal(buf_slice(&plain), plains[i]);
        buf_fini(&sealed);
        buf_fini(&plain);
    }
}

static void a_sealed_value_names_its_version_and_key(void **state) {
    struct rings *rings = *state;
    struct buf sealed = {0};
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    key_ring_seal(rings->a, slice_of("c100@example.com"), &sealed);

    assert_memory_equal(sealed.ptr, "v1.", 3);
    assert_int_equal(strspn(sealed.ptr + 3, "0123456789abcdef"), 8);
    assert_int_equal(sealed.ptr[11], '.');
    assert_int_equal(strspn(sealed.ptr + 12, alphabet), sealed.len - 12);
    buf_fini(&sealed);
}

static void sealing_twice_gives_different_texts(void **state) {
    struct rings *rings = *state;
    struct buf first = {0}, second = {0};

    key_ring_seal(rings->a, slice_of("same"), &first);
    key_ring_seal(rings->a, slice_of("same"), &second);

    assert_false(slice_equal(buf_slice(&first), buf_slice(&second)));
    buf_fini(&first);
    buf_fini(&second);
}

static void sealing_and_opening_append(void **state) {
    struct rings *rings = *state;
    struct buf sealed = {0}, plain = {0};
    buf_append_text(&sealed, "<");
    buf_append_text(&plain, "<");

    key_ring_seal(rings->a, slice_of("x"), &sealed);
    struct slice value = {sealed.ptr + 1, sealed.len - 1};

    assert_int_equal(key_ring_open(rings->a, value, &plain, NULL), STATUS_OK);
    assert_string_equal(plain.ptr, "<x");
    buf_fini(&sealed);
    buf_fini(&plain);
}

static void after_rotation_the_old_key_still_opens(void **state) {
    struct rings *rings = *state;
    struct buf by_old = {0}, by_new = {0}, plain = {0};
    key_ring_seal(rings->a, slice_of("old"), &by_old);

    key_ring_seal(rings->b_then_a, slice_of("new"), &by_new);

    assert_int_equal(key_ring_open(rings->b_then_a, buf_slice(&by_old), &plain, NULL), STATUS_OK);
    assert_int_equal(key_ring_open(rings->b, buf_slice(&by_new), &plain, NULL), STATUS_OK);
    assert_string_equal(plain.ptr, "oldnew");
    buf_fini(&by_old);
    buf_fini(&by_new);
    buf_fini(&plain);
}

static void an_unknown_key_is_not_found(void **state) {
    struct rings *rings = *state;
    struct buf sealed = {0}, plain = {0};

    key_ring_seal(rings->a, slice_of("x"), &sealed);

    assert_int_equal(key_ring_open(rings->b, buf_slice(&sealed), &plain, NULL), STATUS_NOT_FOUND);
    buf_fini(&sealed);
    buf_fini(&plain);
}

static void every_changed_character_is_noticed(void **state) {
    struct rings *rings = *state;
    struct buf sealed = {0}, plain = {0};
    key_ring_seal(rings->a, slice_of("c100@example.com"), &sealed);

    for (size_t i = 0; i < sealed.len; i++) {
        char kept = sealed.ptr[i];
        sealed.ptr[i] = kept == 'A' ? 'B' : 'A';
        assert_int_not_equal(key_ring_open(rings->a, buf_slice(&sealed), &plain, NULL), STATUS_OK);
        sealed.ptr[i] = kept;
    }

    assert_int_equal(plain.len, 0);
    buf_fini(&sealed);
    buf_fini(&plain);
}

static void every_cut_value_is_invalid(void **state) {
    struct rings *rings = *state;
    struct buf sealed = {0}, plain = {0};
    key_ring_seal(rings->a, slice_of("x"), &sealed);

    for (size_t len = 0; len < sealed.len; len++)
        assert_int_equal(key_ring_open(rings->a, (struct slice){sealed.ptr, len}, &plain, NULL),
                         STATUS_INVALID);

    assert_int_equal(plain.len, 0);
    buf_fini(&sealed);
    buf_fini(&plain);
}

static void a_file_that_is_no_key_is_refused(void **state) {
    struct rings *rings = *state;
    struct key_ring *ring = NULL;
    struct error error;

    assert_int_equal(key_ring_create(rings->path_bad, "", &ring, &error), STATUS_INVALID);
    assert_null(strstr(error.text, "not a key")); /* no content in an error */
    assert_int_equal(key_ring_create(rings->path_a, rings->path_bad, &ring, &error),
                     STATUS_INVALID);
    assert_int_equal(key_ring_create("/nonexistent/key", "", &ring, &error), STATUS_NOT_FOUND);

    assert_null(ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_agrees_with_the_standards_example),
        cmocka_unit_test(what_was_sealed_is_opened),
        cmocka_unit_test(a_sealed_value_names_its_version_and_key),
        cmocka_unit_test(sealing_twice_gives_different_texts),
        cmocka_unit_test(sealing_and_opening_append),
        cmocka_unit_test(after_rotation_the_old_key_still_opens),
        cmocka_unit_test(an_unknown_key_is_not_found),
        cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(every_cut_value_is_invalid),
        cmocka_unit_test(a_file_that_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
