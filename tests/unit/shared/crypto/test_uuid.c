#include "shared/base/memory.h"
#include "shared/crypto/uuid.h"

#include "tests/support/base/test.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

enum { THREADS = 4, IDS_A_THREAD = 20000 };

static void version_7_carries_the_time_in_milliseconds(void **state) {
    (void)state;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);

    struct uuid uuid = uuid_v7();

    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid.bytes[i];
    int64_t now_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    assert_in_range(ms - now_ms + 1000, 999, 3000);
    assert_int_equal(uuid.bytes[6] >> 4, 7);
    assert_int_equal(uuid.bytes[8] >> 6, 2);
}

static void version_7_increases_strictly(void **state) {
    (void)state;
    struct uuid last = uuid_v7();

    for (int i = 0; i < 100000; i++) {
        struct uuid next = uuid_v7();
        assert_true(uuid_compare(&last, &next) < 0);
        last = next;
    }
}

static void *make_ids(void *ids) {
    struct uuid *made = ids;
    for (int i = 0; i < IDS_A_THREAD; i++)
        made[i] = uuid_v7();
    return NULL;
}

static int compare_ids(const void *a, const void *b) {
    return uuid_compare(a, b);
}

static void threads_never_make_the_same_id(void **state) {
    (void)state;
    struct uuid *ids = mem_alloc(THREADS * IDS_A_THREAD * sizeof(*ids));
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, ids + i * IDS_A_THREAD), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    qsort(ids, THREADS * IDS_A_THREAD, sizeof(*ids), compare_ids);
    for (int i = 1; i < THREADS * IDS_A_THREAD; i++)
        assert_int_not_equal(uuid_compare(&ids[i - 1], &ids[i]), 0);
    free(ids);
}

static void a_forked_child_draws_other_random_bits(void **state) {
    (void)state;
    (void)uuid_v7();
    int ends[2];
    assert_int_equal(pipe(ends), 0);

    pid_t child = fork();
    if (child == 0) {
        struct uuid made = uuid_v7();
        _exit(write(ends[1], &made, sizeof(made)) == sizeof(made) ? 0 : 1);
    }
    struct uuid ours = uuid_v7(), theirs;
    int exit_status = -1;
    waitpid(child, &exit_status, 0);

    assert_int_equal(exit_status, 0);
    assert_int_equal(read(ends[0], &theirs, sizeof(theirs)), sizeof(theirs));
    assert_memory_not_equal(ours.bytes + 8, theirs.bytes + 8, 8);
    close(ends[0]);
    close(ends[1]);
}

static void version_8_keeps_the_hash_but_for_version_and_variant(void **state) {
    (void)state;
    uint8_t hash[16];
    memset(hash, 0xff, sizeof(hash));
    char text[UUID_TEXT_SIZE];

    struct uuid uuid = uuid_v8(hash);

    uuid_format(&uuid, text);
    assert_string_equal(text, "ffffffff-ffff-8fff-bfff-ffffffffffff");
}

static void text_in_either_case_is_read_and_written_lower(void **state) {
    (void)state;
    struct uuid uuid;
    char text[UUID_TEXT_SIZE];

    assert_true(uuid_parse(slice_of("0192F0C1-DEAD-7bee-8f01-0123456789aB"), &uuid));
    uuid_format(&uuid, text);

    assert_string_equal(text, "0192f0c1-dead-7bee-8f01-0123456789ab");
}

static void other_forms_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "0192f0c1dead7bee8f010123456789ab",
        "{0192f0c1-dead-7bee-8f01-0123456789ab}",
        "0192f0c1-dead-7bee-8f01-0123456789a",
        "0192f0c1-dead-7bee-8f01-0123456789abc",
        "0192f0c1-dead-7bee-8f01-0123456789ag",
        "0192f0c1_dead-7bee-8f01-0123456789ab",
        "0192f0c1-dead-7bee-8f010-123456789ab",
        "0192f0c1-dead-7bee-8f01-0123456789 b",
    };
    struct uuid uuid;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(uuid_parse(slice_of(texts[i]), &uuid));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_7_carries_the_time_in_milliseconds),
        cmocka_unit_test(version_7_increases_strictly),
        cmocka_unit_test(threads_never_make_the_same_id),
        cmocka_unit_test(a_forked_child_draws_other_random_bits),
        cmocka_unit_test(version_8_keeps_the_hash_but_for_version_and_variant),
        cmocka_unit_test(text_in_either_case_is_read_and_written_lower),
        cmocka_unit_test(other_forms_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
