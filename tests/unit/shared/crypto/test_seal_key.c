/* Sealing with a customer's own key.

   Covers: shared/crypto/sealed_box.c */
#include "shared/base/memory.h"
#include "shared/crypto/seal_key.h"

#include "tests/support/base/test.h"

static const char key_a[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
static const char key_b[] = "ff0102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f";

/* Rings of key a, key b, and b with a as the old one; a customer's key, made by a. */
struct keys {
    char path_a[32], path_b[32];
    struct key_ring *a, *b, *b_then_a;
    struct seal_key key;
    struct buf opener;
    struct seal_pair pair;
};

static void write_key(char *path, const char *content) {
    memcpy(path, "/tmp/om-unit-XXXXXX", sizeof("/tmp/om-unit-XXXXXX"));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static int begin(void **state) {
    struct keys *keys = mem_alloc(sizeof(*keys));
    write_key(keys->path_a, key_a);
    write_key(keys->path_b, key_b);
    assert_int_equal(key_ring_create(keys->path_a, "", &keys->a, NULL), STATUS_OK);
    assert_int_equal(key_ring_create(keys->path_b, NULL, &keys->b, NULL), STATUS_OK);
    assert_int_equal(key_ring_create(keys->path_b, keys->path_a, &keys->b_then_a, NULL), STATUS_OK);
    seal_key_create(keys->a, &keys->key, &keys->opener);
    *state = keys;
    return 0;
}

static int end(void **state) {
    struct keys *keys = *state;
    unlink(keys->path_a);
    unlink(keys->path_b);
    key_ring_destroy(&keys->a);
    key_ring_destroy(&keys->b);
    key_ring_destroy(&keys->b_then_a);
    buf_fini(&keys->opener);
    free(keys);
    return 0;
}

static enum status open_with(const struct key_ring *ring, const struct buf *opener,
                             const struct buf *sealed) {
    struct buf plain = {0};
    struct error error = {0};
    enum status status = seal_key_open(ring, buf_slice(opener), buf_slice(sealed), &plain, &error);
    assert_true(status == STATUS_OK || plain.len == 0);
    buf_fini(&plain);
    return status;
}

static void what_was_sealed_is_opened(void **state) {
    struct keys *keys = *state;
    static const char *const plains[] = {"", "x", "{\"email\":\"c100@example.com\"}"};
    for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
        struct buf sealed = {0}, plain = {0};
        seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of(plains[i]), &sealed);
        assert_int_equal(
            seal_key_open(keys->a, buf_slice(&keys->opener), buf_slice(&sealed), &plain, NULL),
            STATUS_OK);
        assert_slice_equal(buf_slice(&plain), plains[i]);
        buf_fini(&sealed);
        buf_fini(&plain);
    }
}

static void a_text_names_the_master_key_and_its_own(void **state) {
    struct keys *keys = *state;
    struct buf sealed = {0}, by_master = {0};
    char id[SEAL_KEY_ID_LEN + 1];
    struct slice named;
    seal_key_id(&keys->key, id);

    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("c100@example.com"), &sealed);
    key_ring_seal(keys->a, slice_of("c100@example.com"), &by_master);

    assert_memory_equal(sealed.ptr, "v2.", 3);
    assert_memory_equal(sealed.ptr + 3, key_ring_id(keys->a).ptr, KEY_RING_ID_LEN);
    assert_true(sealed_key_id(buf_slice(&sealed), &named));
    assert_slice_equal(named, id);
    assert_false(sealed_key_id(buf_slice(&by_master), &named));
    assert_false(sealed_key_id(SLICE_LITERAL("v2.short"), &named));
    buf_fini(&sealed);
    buf_fini(&by_master);
}

static void without_the_opener_the_master_key_opens_nothing(void **state) {
    struct keys *keys = *state;
    struct buf sealed = {0}, plain = {0}, other_opener = {0};
    struct seal_key other;
    seal_key_create(keys->a, &other, &other_opener);

    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("x"), &sealed);

    assert_int_equal(key_ring_open(keys->a, buf_slice(&sealed), &plain, NULL), STATUS_INVALID);
    assert_int_equal(open_with(keys->a, &other_opener, &sealed), STATUS_INVALID);
    assert_int_equal(open_with(keys->a, &sealed, &sealed), STATUS_INVALID);
    buf_fini(&sealed);
    buf_fini(&plain);
    buf_fini(&other_opener);
}

/* Who only knows what seals, which is public, cannot make a text that is taken for the gateway's.
 */
static void without_the_master_key_nothing_can_be_sealed_or_opened(void **state) {
    struct keys *keys = *state;
    struct buf sealed = {0}, forged = {0};

    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("x"), &sealed);
    seal_key_seal(&keys->key, &keys->pair, keys->b, slice_of("x"), &forged);

    assert_int_equal(open_with(keys->b, &keys->opener, &sealed), STATUS_NOT_FOUND);
    assert_int_equal(open_with(keys->a, &keys->opener, &forged), STATUS_NOT_FOUND);
    memcpy(forged.ptr + 3, sealed.ptr + 3, KEY_RING_ID_LEN);
    assert_int_equal(open_with(keys->a, &keys->opener, &forged), STATUS_INVALID);
    buf_fini(&sealed);
    buf_fini(&forged);
}

static void a_changed_text_is_invalid(void **state) {
    struct keys *keys = *state;
    struct buf sealed = {0};
    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("x"), &sealed);
    for (size_t at = 0; at < sealed.len; at++) {
        sealed.ptr[at] ^= 1;
        assert_int_not_equal(open_with(keys->a, &keys->opener, &sealed), STATUS_OK);
        sealed.ptr[at] ^= 1;
    }
    assert_int_equal(open_with(keys->a, &keys->opener, &sealed), STATUS_OK);
    buf_fini(&sealed);
}

static void after_a_change_of_the_master_key_old_texts_still_open(void **state) {
    struct keys *keys = *state;
    struct buf by_old = {0}, by_new = {0};
    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("old"), &by_old);
    seal_key_seal(&keys->key, &keys->pair, keys->b_then_a, slice_of("new"), &by_new);
    assert_int_equal(open_with(keys->b_then_a, &keys->opener, &by_old), STATUS_OK);
    assert_int_equal(open_with(keys->b_then_a, &keys->opener, &by_new), STATUS_OK);
    buf_fini(&by_old);
    buf_fini(&by_new);
}

static void a_key_is_written_and_read(void **state) {
    struct keys *keys = *state;
    struct buf text = {0};
    struct seal_key read;
    seal_key_write(&keys->key, &text);
    assert_true(seal_key_parse(buf_slice(&text), &read));
    assert_memory_equal(read.bytes, keys->key.bytes, SEAL_KEY_BYTES);
    assert_false(seal_key_parse((struct slice){text.ptr, text.len - 1}, &read));
    text.ptr[5] = 'g';
    assert_false(seal_key_parse(buf_slice(&text), &read));
    assert_false(seal_key_parse(slice_of(NULL), &read));
    buf_fini(&text);
}

/* A public key of small order, with which anybody would know the secret. */
static void a_key_without_a_secret_seals_for_nobody(void **state) {
    struct keys *keys = *state;
    const struct seal_key zero = {.bytes = {0}};
    struct buf sealed = {0};
    seal_key_seal(&zero, &keys->pair, keys->a, slice_of("x"), &sealed);
    assert_int_equal(open_with(keys->a, &keys->opener, &sealed), STATUS_INVALID);
    buf_fini(&sealed);
}

/* The text of an ephemeral key in a sealed text, up to where what follows is in the same digit. */
static struct slice ephemeral_of(const struct buf *sealed) {
    size_t at = sizeof("v2.") - 1 + KEY_RING_ID_LEN + 1 + SEAL_KEY_ID_LEN + 1;
    assert_true(sealed->len > at + 42);
    return (struct slice){sealed->ptr + at, 42};
}

static bool have_one_ephemeral(const struct buf *a, const struct buf *b) {
    return slice_equal(ephemeral_of(a), ephemeral_of(b));
}

static void an_ephemeral_key_serves_several_recipients_each_once(void **state) {
    struct keys *keys = *state;
    struct buf first = {0}, others = {0}, again = {0}, opener = {0};
    struct seal_key other;
    seal_key_create(keys->a, &other, &opener);

    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("x"), &first);
    seal_key_seal(&other, &keys->pair, keys->a, slice_of("x"), &others);
    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("x"), &again);

    assert_true(have_one_ephemeral(&first, &others));
    assert_false(have_one_ephemeral(&first, &again));
    assert_int_equal(open_with(keys->a, &keys->opener, &first), STATUS_OK);
    assert_int_equal(open_with(keys->a, &opener, &others), STATUS_OK);
    assert_int_equal(open_with(keys->a, &keys->opener, &again), STATUS_OK);
    buf_fini(&first);
    buf_fini(&others);
    buf_fini(&again);
    buf_fini(&opener);
}

static void an_ephemeral_key_serves_no_more_than_so_many(void **state) {
    struct keys *keys = *state;
    struct buf first = {0}, last = {0}, next = {0};
    for (int i = 0; i <= SEAL_PAIR_RECIPIENTS; i++) {
        struct seal_key key = keys->key;
        key.bytes[0] = (uint8_t)i;
        buf_clear(i < SEAL_PAIR_RECIPIENTS ? &last : &next);
        seal_key_seal(&key, &keys->pair, keys->a, slice_of("x"),
                      i < SEAL_PAIR_RECIPIENTS ? &last : &next);
        if (i == 0)
            buf_append_slice(&first, buf_slice(&last));
    }
    assert_true(have_one_ephemeral(&first, &last));
    assert_false(have_one_ephemeral(&first, &next));
    buf_fini(&first);
    buf_fini(&last);
    buf_fini(&next);
}

static void nothing_is_left_of_a_pair_that_is_forgotten(void **state) {
    struct keys *keys = *state;
    static const struct seal_pair nothing;
    struct buf before = {0}, after = {0};
    struct seal_key other = keys->key;
    other.bytes[0] ^= 1;

    seal_key_seal(&keys->key, &keys->pair, keys->a, slice_of("x"), &before);
    seal_pair_forget(&keys->pair);
    assert_memory_equal(&keys->pair, &nothing, sizeof(nothing));
    seal_key_seal(&other, &keys->pair, keys->a, slice_of("x"), &after);

    assert_false(have_one_ephemeral(&before, &after));
    buf_fini(&before);
    buf_fini(&after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_sealed_is_opened, begin, end),
        cmocka_unit_test_setup_teardown(a_text_names_the_master_key_and_its_own, begin, end),
        cmocka_unit_test_setup_teardown(without_the_opener_the_master_key_opens_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(without_the_master_key_nothing_can_be_sealed_or_opened,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_changed_text_is_invalid, begin, end),
        cmocka_unit_test_setup_teardown(after_a_change_of_the_master_key_old_texts_still_open,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_key_is_written_and_read, begin, end),
        cmocka_unit_test_setup_teardown(a_key_without_a_secret_seals_for_nobody, begin, end),
        cmocka_unit_test_setup_teardown(an_ephemeral_key_serves_several_recipients_each_once, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_ephemeral_key_serves_no_more_than_so_many, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_left_of_a_pair_that_is_forgotten, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
