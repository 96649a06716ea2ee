#include "gateway/reply/coding.h"
#include "tests/support/base/test.h"

#include <zlib.h>

/* "" for a list that cannot be read. */
static const char *coding_for(const char *first, const char *second) {
    struct coding_weights weights = {CODING_UNNAMED, CODING_UNNAMED, CODING_UNNAMED};
    if (!coding_read(slice_of(first), &weights) || !coding_read(slice_of(second), &weights))
        return "";
    return coding_prefers_gzip(&weights) ? "gzip" : "identity";
}

static void gzip_is_for_who_names_it_and_likes_nothing_better(void **state) {
    (void)state;
    static const struct {
        const char *list, *coding;
    } rows[] = {
        {"gzip", "gzip"},
        {"GZip", "gzip"},
        {"x-gzip", "gzip"},
        {"deflate, gzip, br, zstd", "gzip"},
        {"gzip;q=0.001", "gzip"},
        {"gzip ; Q=0.5", "gzip"},
        {"gzip;q=1.000, identity", "gzip"},
        {"gzip;q=0.5, identity;q=0.5", "gzip"},
        {"identity;q=0, gzip;q=0.1", "gzip"},
        {"*", "gzip"},
        {"*;q=0.1", "gzip"},
        {"br, *;q=0.1", "gzip"},
        {"identity;q=0, *", "gzip"},
        {"gzip, *;q=0", "gzip"},
        {",gzip,,", "gzip"},
        {"", "identity"},
        {" , ", "identity"},
        {"identity", "identity"},
        {"br, deflate", "identity"},
        {"gzip;q=0", "identity"},
        {"gzip;q=0.000", "identity"},
        {"gzip;q=0, *", "identity"},
        {"*;q=0", "identity"},
        {"identity;q=0", "identity"},
        {"gzip;q=0.499, identity;q=0.5", "identity"},
        {"identity, *;q=0.5", "identity"},
        {"gzipped", "identity"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(coding_for(rows[i].list, ""), rows[i].coding) != 0)
            fail_msg("%s: %s", rows[i].list, coding_for(rows[i].list, ""));
}

static void several_headers_are_one_list(void **state) {
    (void)state;
    assert_string_equal(coding_for("br", "gzip"), "gzip");
    assert_string_equal(coding_for("gzip;q=0.2", "identity"), "identity");
    assert_string_equal(coding_for("gzip", "gzip;q=0"), "identity");
}

static void what_is_no_list_of_codings_is_told_apart(void **state) {
    (void)state;
    static const char *const lists[] = {
        "gzip;",         "gzip;q",    "gzip;q=",        "gzip;q=2",     "gzip;q=1.001",
        "gzip;q=0.1234", "gzip;q=-1", "gzip;q=.5",      "gzip;q=0,5 0", "gzip;q=0.5x",
        "gzip;level=1",  "gz ip",     "gzip;q=0.5;q=1", ";q=1",         "\"gzip\"",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (strcmp(coding_for(lists[i], ""), "") != 0)
            fail_msg("%s: %s", lists[i], coding_for(lists[i], ""));
}

/* --- packing ---------------------------------------------------------------------------------- */

static void unpack(struct slice packed, char *plain, size_t size) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.ptr,
                       .avail_in = (uInt)packed.len,
                       .next_out = (Bytef *)plain,
                       .avail_out = (uInt)size};
    assert_int_equal(inflateInit2(&stream, 16 + 15), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, size);
    assert_int_equal(stream.avail_in, 0);
    inflateEnd(&stream);
}

static void what_is_packed_is_smaller_and_whole(void **state) {
    (void)state;
    static char plain[20000], again[sizeof(plain)];
    h2o_req_t req = {0};
    struct slice packed;
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = "{\"orderId\":123}"[i % 15];
    h2o_mem_init_pool(&req.pool);
    assert_true(coding_pack(&req, (struct slice){plain, sizeof(plain)}, &packed));
    assert_true(packed.len < sizeof(plain) / 10);
    unpack(packed, again, sizeof(again));
    assert_memory_equal(again, plain, sizeof(plain));
    h2o_mem_clear_pool(&req.pool);
}

static void what_would_not_be_smaller_stays_as_it_is(void **state) {
    (void)state;
    h2o_req_t req = {0};
    struct slice packed;
    h2o_mem_init_pool(&req.pool);
    assert_false(coding_pack(&req, SLICE_LITERAL("0123456789"), &packed));
    h2o_mem_clear_pool(&req.pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_for_who_names_it_and_likes_nothing_better),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(what_is_no_list_of_codings_is_told_apart),
        cmocka_unit_test(what_is_packed_is_smaller_and_whole),
        cmocka_unit_test(what_would_not_be_smaller_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
