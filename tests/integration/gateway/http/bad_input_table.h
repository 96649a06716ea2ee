/*
 * The input that a gateway must refuse, and its answers: one line a case. Included once, by
 * test_bad_input.c.
 *
 * Bodies are sent as POST /api/v1/orders with the right length; targets as GET; requests as they
 * are. Every answer must be a problem document of the type named.
 */
#ifndef OM_TESTS_INTEGRATION_GATEWAY_HTTP_BAD_INPUT_TABLE_H
#define OM_TESTS_INTEGRATION_GATEWAY_HTTP_BAD_INPUT_TABLE_H

#include "shared/base/slice.h"

/* --- bodies ----------------------------------------------------------------------------------- */

/* An order whose one item has `members`, and what else stands behind it at the root. */
#define ORDER_LIKE(items, rest)                                                                    \
    "{\"customerId\":\"C1\",\"currency\":\"USD\",\"items\":" items                                 \
    ",\"paymentMethod\":\"pm_card_visa\"" rest "}"
#define QUANTITY(value) ORDER_LIKE("[{\"sku\":\"SKU-123\",\"quantity\":" value "}]", "")
#define GOOD_BODY QUANTITY("1")
#define WITH(rest) ORDER_LIKE("[{\"sku\":\"SKU-123\",\"quantity\":1}]", rest)
#define TIMES_8(x) x x x x x x x x
#define TIMES_32(x) TIMES_8(x) TIMES_8(x) TIMES_8(x) TIMES_8(x)

struct bad_body {
    const char *what;
    struct slice body;
    const char *field; /* that the answer blames; NULL: the body is no JSON object */
};

static const struct bad_body bad_bodies[] = {
    {"truncated", SLICE_LITERAL("{\"customerId\":\"C1\","), NULL},
    {"empty", SLICE_LITERAL(""), NULL},
    {"only space", SLICE_LITERAL("  \n"), NULL},
    {"byte order mark", SLICE_LITERAL("\xef\xbb\xbf" GOOD_BODY), NULL},
    {"UTF-16", SLICE_LITERAL("\xff\xfe{\0}\0"), NULL},
    {"trailing text", SLICE_LITERAL(GOOD_BODY "x"), NULL},
    {"two documents", SLICE_LITERAL(GOOD_BODY GOOD_BODY), NULL},
    {"trailing NUL", SLICE_LITERAL(GOOD_BODY "\0"), NULL},
    {"duplicate key", SLICE_LITERAL(WITH(",\"currency\":\"EUR\"")), NULL},
    {"duplicate key, escaped", SLICE_LITERAL(WITH(",\"curr\\u0065ncy\":\"USD\"")), NULL},
    {"duplicate key deep down", SLICE_LITERAL(QUANTITY("1,\"quantity\":2")), NULL},
    {"NUL in a key", SLICE_LITERAL(WITH(",\"email\\u0000x\":\"a@b.c\"")), NULL},
    {"NaN", SLICE_LITERAL(QUANTITY("NaN")), NULL},
    {"Infinity", SLICE_LITERAL(QUANTITY("-Infinity")), NULL},
    {"leading zero", SLICE_LITERAL(QUANTITY("-01")), NULL},
    {"no digit behind the point", SLICE_LITERAL(QUANTITY("2.")), NULL},
    {"plus", SLICE_LITERAL(QUANTITY("+1")), NULL},
    {"hexadecimal", SLICE_LITERAL(QUANTITY("0x1")), NULL},
    {"single quotes", SLICE_LITERAL(WITH(",'email':'a@b.c'")), NULL},
    {"bare key", SLICE_LITERAL(WITH(",email:\"a@b.c\"")), NULL},
    {"comment", SLICE_LITERAL("/* an order */" GOOD_BODY), NULL},
    {"line comment", SLICE_LITERAL(GOOD_BODY "// done"), NULL},
    {"trailing comma", SLICE_LITERAL(WITH(",")), NULL},
    {"invalid UTF-8", SLICE_LITERAL(WITH(",\"email\":\"a\xff@b.c\"")), NULL},
    {"overlong UTF-8", SLICE_LITERAL(WITH(",\"email\":\"a\xc0\xaf@b.c\"")), NULL},
    {"surrogate in UTF-8", SLICE_LITERAL(WITH(",\"email\":\"a\xed\xa0\x80@b.c\"")), NULL},
    {"lone surrogate", SLICE_LITERAL(WITH(",\"email\":\"\\ud800\"")), NULL},
    {"surrogates the wrong way", SLICE_LITERAL(WITH(",\"email\":\"\\udc00\\ud800\"")), NULL},
    {"depth 33", SLICE_LITERAL("{\"a\":" TIMES_32("[") TIMES_32("]") "}"), NULL},
    {"raw control character", SLICE_LITERAL(WITH(",\"email\":\"a\x01@b.c\"")), NULL},
    {"raw newline", SLICE_LITERAL(WITH(",\"email\":\"a\n@b.c\"")), NULL},
    {"array at the root", SLICE_LITERAL("[" GOOD_BODY "]"), NULL},
    {"string at the root",
     SLICE_LITERAL("\""
                   "order"
                   "\""),
     NULL},
    {"number at the root", SLICE_LITERAL("1"), NULL},
    {"null at the root", SLICE_LITERAL("null"), NULL},

    {"comma in an address", SLICE_LITERAL(WITH(",\"email\":\"a,b@c.d\"")), "email"},
    {"quoted address", SLICE_LITERAL(WITH(",\"email\":\"\\\"q\\\"@c.d\"")), "email"},
    {"address with an umlaut", SLICE_LITERAL(WITH(",\"email\":\"j\xc3\xb6rg@c.d\"")), "email"},
    {"address with U+2028", SLICE_LITERAL(WITH(",\"email\":\"a\\u2028@c.d\"")), "email"},
    {"telephone word", SLICE_LITERAL(WITH(",\"phone\":\"0800-FLOWER\"")), "phone"},
    {"channel not offered", SLICE_LITERAL(WITH(",\"email\":\"a@c.d\",\"notify\":[\"smtp\"]")),
     "notify"},
    {"quantity 0", SLICE_LITERAL(QUANTITY("0")), "items[0].quantity"},
    {"quantity -1", SLICE_LITERAL(QUANTITY("-1")), "items[0].quantity"},
    {"quantity 1.5", SLICE_LITERAL(QUANTITY("1.5")), "items[0].quantity"},
    {"quantity 1e3", SLICE_LITERAL(QUANTITY("1e3")), "items[0].quantity"},
    {"quantity 2^63", SLICE_LITERAL(QUANTITY("9223372036854775808")), "items[0].quantity"},
    {"quantity 2^64", SLICE_LITERAL(QUANTITY("18446744073709551616")), "items[0].quantity"},
    {"quantity 2^64 + 1", SLICE_LITERAL(QUANTITY("18446744073709551617")), "items[0].quantity"},
    {"quantity as text", SLICE_LITERAL(QUANTITY("\"2\"")), "items[0].quantity"},
    {"quantity true", SLICE_LITERAL(QUANTITY("true")), "items[0].quantity"},
    {"quantity null", SLICE_LITERAL(QUANTITY("null")), "items[0].quantity"},
    {"unknown member", SLICE_LITERAL(WITH(",\"colour\":1")), "colour"},
    {"status is not the client's", SLICE_LITERAL(WITH(",\"status\":\"COMPLETED\"")), "status"},
    {"tenant is not the client's", SLICE_LITERAL(WITH(",\"tenant\":\"x\"")), "tenant"},
    {"unknown member of an item", SLICE_LITERAL(QUANTITY("1,\"price\":1")), "items[0].price"},
    {"SKU of 65 bytes",
     SLICE_LITERAL(ORDER_LIKE("[{\"sku\":\"" TIMES_32("AB") "C\",\"quantity\":1}]", "")),
     "items[0].sku"},
    {"SKU with a wildcard", SLICE_LITERAL(ORDER_LIKE("[{\"sku\":\"*\",\"quantity\":1}]", "")),
     "items[0].sku"},
    {"no items", SLICE_LITERAL(ORDER_LIKE("[]", "")), "items"},
    {"items is no array", SLICE_LITERAL(ORDER_LIKE("{}", "")), "items"},
    {"101 items",
     SLICE_LITERAL(ORDER_LIKE("[" TIMES_32("{},") TIMES_32("{},") TIMES_32("{},") //
                              "{},{},{},{},{}]",
                              "")),
     "items"},
    {"a total beyond 2^53", SLICE_LITERAL(QUANTITY("1000000,\"unitPrice\":9007199254740991")),
     "items"},
    {"a negative price", SLICE_LITERAL(QUANTITY("1,\"unitPrice\":-1")), "items[0].unitPrice"},
    {"unknown currency",
     SLICE_LITERAL("{\"customerId\":\"C1\",\"currency\":\"XYZ\",\"items\":[{\"sku\":\"S\","
                   "\"quantity\":1}],\"paymentMethod\":\"pm_card_visa\"}"),
     "currency"},
    {"no members", SLICE_LITERAL("{}"), "customerId"},
};

/* --- headers of a good order ------------------------------------------------------------------ */

struct bad_headers {
    const char *what;
    const char *lines; /* among those of a POST with a good body; with the last CR LF */
    bool has_own_type; /* and then no Content-Type but that of `lines` */
    int status;
    const char *problem;
};

#define KEY "Idempotency-Key: "

static const struct bad_headers bad_headers[] = {
    {"two keys", KEY "a\r\n" KEY "b\r\n", false, 400, "invalid-idempotency-key"},
    {"the same key twice", KEY "a\r\n" KEY "a\r\n", false, 400, "invalid-idempotency-key"},
    {"no key", KEY "\r\n", false, 400, "invalid-idempotency-key"},
    {"an empty key", KEY "\"\"\r\n", false, 400, "invalid-idempotency-key"},
    {"a key of 256 bytes", KEY TIMES_32("12345678") "\r\n", false, 400, "invalid-idempotency-key"},
    {"a key that is not printable", KEY "a\tb\r\n", false, 400, "invalid-idempotency-key"},
    {"a key beyond ASCII", KEY "\"\xc3\xa4\"\r\n", false, 400, "invalid-idempotency-key"},
    {"a key without its end", KEY "\"a\r\n", false, 400, "invalid-idempotency-key"},
    {"no type", "", true, 415, "unsupported-media-type"},
    {"plain text", "Content-Type: text/plain\r\n", true, 415, "unsupported-media-type"},
    {"a form", "Content-Type: application/x-www-form-urlencoded\r\n", true, 415,
     "unsupported-media-type"},
    {"another charset", "Content-Type: application/json; charset=latin-1\r\n", true, 415,
     "unsupported-media-type"},
    {"two types", "Content-Type: application/json\r\n", false, 415, "unsupported-media-type"},
    {"a coding", "Content-Encoding: gzip\r\n", false, 415, "unsupported-media-type"},
};

/* --- targets ---------------------------------------------------------------------------------- */

struct bad_target {
    const char *target;
    int status;
    const char *problem;
};

static const struct bad_target bad_targets[] = {
    {"/api/v1/orders/../orders", 404, "not-found"},
    {"/api/v1/orders/../../../../etc/passwd", 404, "not-found"},
    {"/api/v1/orders/%2e%2e", 404, "not-found"},
    {"/api/v1/orders/%2E%2E%2Fproducts", 404, "not-found"},
    {"/api/v1/orders/*", 404, "not-found"},
    {"/api/v1/orders/>", 404, "not-found"},
    {"/api/v1/orders/%3E", 404, "not-found"},
    {"/api/v1/orders/a%20b", 404, "not-found"},
    {"/api/v1/orders/a%09b", 404, "not-found"},
    {"/api/v1/orders/a%0d%0aPUB%20x%200", 404, "not-found"},
    {"/api/v1/orders/.", 404, "not-found"},
    {"/api/v1/orders/", 404, "not-found"},
    {"/api/v1/orders/%00", 404, "not-found"},
    {"/api/v1/orders/%27%20OR%201=1--", 404, "not-found"},
    {"/api/v1/orders/'OR'1'='1", 404, "not-found"},
    {"/api/v1/orders/*/status", 404, "not-found"},
    {"/api/v1/products/*", 404, "not-found"},
    {"/api/v1/products/a%2eb%20c", 404, "not-found"},
    {"/api/v1//orders", 404, "not-found"},
    {"/API/v1/orders", 404, "not-found"},
    {"/", 404, "not-found"},
    {"*", 404, "not-found"},
    {"/problems/no-such-problem", 404, "not-found"},
    {"/api/v1/products?cursor=%%%", 400, "invalid-query"},
    {"/api/v1/products?limit=0", 400, "invalid-query"},
    {"/api/v1/products?limit=-1", 400, "invalid-query"},
    {"/api/v1/products?limit=1e1", 400, "invalid-query"},
    {"/api/v1/products?limit=99999999999999999999", 400, "invalid-query"},
    {"/api/v1/products?limit=1&limit=2", 400, "invalid-query"},
    {"/api/v1/products?colour=red", 400, "invalid-query"},
    {"/api/v1/orders?cursor=%%%", 400, "invalid-query"},
    {"/api/v1/orders?limit=0", 400, "invalid-query"},
};

/* --- ids -------------------------------------------------------------------------------------- */

/* Nobody's, wherever one may stand. */
static const char *const bad_ids[] = {
    "..",        ".",      "%2e%2e",  "%2E.",    "..%2fproducts", "%2F",
    "*",         "%2a",    ">",       "%3E",     "a%20b",         "a%09b",
    "%00",       "a%00",   "a%0d%0a", "a%0aPUB", "%252e",         "%27%20OR%201=1--",
    "'OR'1'='1", "%C3%A4", "%",       "%4",      "%zz",
};

struct id_place {
    const char *before, *behind; /* method and target around it */
    bool has_body;
};

static const struct id_place id_places[] = {
    {"GET /api/v1/orders/", "", false},
    {"GET /api/v1/orders/", "/status", false},
    {"GET /api/v1/orders/", "/events", false},
    {"POST /api/v1/orders/", "/cancel", false},
    {"GET /api/v1/products/", "", false},
    {"PUT /api/v1/products/", "", true},
    {"POST /api/v1/products/", "/stock-adjustments", true},
    {"GET /api/v1/admin/dlq/", "", false},
    {"POST /api/v1/admin/dlq/", "/replay", false},
    {"POST /api/v1/admin/dlq/", "/discard", true},
    {"GET /api/v1/admin/dlq/jobs/", "", false},
    {"POST /api/v1/admin/dlq/jobs/", "/cancel", false},
    {"GET /problems/", "", false},
    {"GET /docs/", "", false},
    {"GET /console/", "", false},
};

/* --- requests --------------------------------------------------------------------------------- */

#define POST "POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
#define GET "GET /health HTTP/1.1\r\n"
#define MALFORMED 400, "malformed-request", true
#define UNSUPPORTED 505, "http-version-not-supported", true

struct bad_request {
    const char *what;
    struct slice bytes;
    int status;
    const char *problem;
    bool is_last; /* nothing behind it may be read as a request: the connection is closed */
};

static const struct bad_request bad_requests[] = {
    {"length and coding",
     SLICE_LITERAL(POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     MALFORMED},
    {"coding and length",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"),
     MALFORMED},
    {"two equal lengths", SLICE_LITERAL(POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
     MALFORMED},
    {"two lengths", SLICE_LITERAL(POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
     MALFORMED},
    {"two codings",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     MALFORMED},
    {"two codings in one", SLICE_LITERAL(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
     MALFORMED},
    {"unknown coding", SLICE_LITERAL(POST "Transfer-Encoding: gzip\r\n\r\n"), MALFORMED},
    {"hidden coding", SLICE_LITERAL(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
     MALFORMED},
    {"coding in HTTP/1.0",
     SLICE_LITERAL("POST /api/v1/orders HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
     MALFORMED},
    {"length +2", SLICE_LITERAL(POST "Content-Length: +2\r\n\r\n{}"), MALFORMED},
    {"length -1", SLICE_LITERAL(POST "Content-Length: -1\r\n\r\n{}"), MALFORMED},
    {"length 2, 2", SLICE_LITERAL(POST "Content-Length: 2, 2\r\n\r\n{}"), MALFORMED},
    {"length 0x2", SLICE_LITERAL(POST "Content-Length: 0x2\r\n\r\n{}"), MALFORMED},
    {"empty length", SLICE_LITERAL(POST "Content-Length:\r\n\r\n{}"), MALFORMED},
    {"length 2^64", SLICE_LITERAL(POST "Content-Length: 18446744073709551616\r\n\r\n{}"),
     MALFORMED},
    {"length 2^64 + 2", SLICE_LITERAL(POST "Content-Length: 18446744073709551618\r\n\r\n{}"),
     MALFORMED},
    {"chunk size 0x2",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n"), MALFORMED},
    {"chunk size -2", SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"),
     MALFORMED},
    {"chunk size beyond 64 bits",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}"), 413,
     "body-too-large", true},
    {"chunk longer than said",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"), MALFORMED},
    {"chunk ended by LF", SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n"),
     MALFORMED},
    {"no host", SLICE_LITERAL(GET "\r\n"), MALFORMED},
    {"two hosts", SLICE_LITERAL(GET "Host: localhost\r\nHost: b\r\n\r\n"), MALFORMED},
    {"the same host twice", SLICE_LITERAL(GET "Host: localhost\r\nHost: localhost\r\n\r\n"),
     MALFORMED},
    {"host with a path", SLICE_LITERAL(GET "Host: a/b\r\n\r\n"), MALFORMED},
    {"folded header", SLICE_LITERAL(GET "Host: localhost\r\nX: 1\r\n 2\r\n\r\n"), MALFORMED},
    {"header without colon", SLICE_LITERAL(GET "Host: localhost\r\nX\r\n\r\n"), MALFORMED},
    {"NUL in a header", SLICE_LITERAL(GET "Host: localhost\r\nX: a\0b\r\n\r\n"), MALFORMED},
    {"NUL in the target", SLICE_LITERAL("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"), MALFORMED},
    {"bare CR in a header", SLICE_LITERAL(GET "Host: localhost\r\nX: a\rb\r\n\r\n"), MALFORMED},
    {"bare CR in the line", SLICE_LITERAL("GET /\r HTTP/1.1\r\nHost: localhost\r\n\r\n"),
     MALFORMED},
    {"space in the target", SLICE_LITERAL("GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
     MALFORMED},
    {"no method", SLICE_LITERAL(" / HTTP/1.1\r\nHost: localhost\r\n\r\n"), MALFORMED},
    {"HTTP/0.9", SLICE_LITERAL("GET /health\r\n\r\n"), MALFORMED},
    {"HTTP/2 preface", SLICE_LITERAL("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), UNSUPPORTED},
    {"HTTP/0.9, and nothing more", SLICE_LITERAL("GET /health\r\n"), MALFORMED},
    {"HTTP/0.9, said", SLICE_LITERAL("GET /health HTTP/0.9\r\n\r\n"), MALFORMED},
    {"HTTP/2.0", SLICE_LITERAL("GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n"), UNSUPPORTED},
    {"HTTP/3.0", SLICE_LITERAL("GET / HTTP/3.0\r\nHost: localhost\r\n\r\n"), UNSUPPORTED},
    {"HTTP/1.10", SLICE_LITERAL("GET / HTTP/1.10\r\nHost: localhost\r\n\r\n"), MALFORMED},
    {"lines ended by LF", SLICE_LITERAL("GET /health HTTP/1.1\nHost: localhost\n\n"), MALFORMED},
    {"a header ended by LF", SLICE_LITERAL(GET "Host: localhost\nX: 1\r\n\r\n"), MALFORMED},
    {"a head ended by LF", SLICE_LITERAL(GET "Host: localhost\r\n\n"), MALFORMED},
    {"an empty line of LF first", SLICE_LITERAL("\n" GET "Host: localhost\r\n\r\n"), MALFORMED},
    {"trailer without colon",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX\r\n\r\n"), MALFORMED},
    {"trailer without name",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n: 1\r\n\r\n"),
     MALFORMED},
    {"another host in the target",
     SLICE_LITERAL("GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400,
     "malformed-request", false},
    {"no host in the target",
     SLICE_LITERAL("GET http:///health HTTP/1.1\r\nHost: localhost\r\n\r\n"), MALFORMED},
    {"a host in the target alone", SLICE_LITERAL("GET http://localhost/health HTTP/1.1\r\n\r\n"),
     MALFORMED},
    {"no text at all", SLICE_LITERAL("\x16\x03\x01\x00\xa5\x01\x00\x00"), MALFORMED},
    {"unknown expectation", SLICE_LITERAL(POST "Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}"),
     417, "expectation-failed", true},
    {"too long a body, by its length", SLICE_LITERAL(POST "Content-Length: 262145\r\n\r\n"), 413,
     "body-too-large", true},
    {"too long a chunk, by its size",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n40001\r\n{"), 413, "body-too-large",
     true},
    {"too long a chunk, behind another",
     SLICE_LITERAL(POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3ffff\r\n"), 413,
     "body-too-large", true},
    {"too long a body, expected",
     SLICE_LITERAL(POST "Content-Length: 262145\r\nExpect: 100-continue\r\n\r\n"), 413,
     "body-too-large", true},
    {"a host that is not this machine", SLICE_LITERAL(GET "Host: evil.example\r\n\r\n"), 400,
     "malformed-request", false},
    {"a form of another site",
     SLICE_LITERAL("POST /api/v1/admin/dlq/replay HTTP/1.1\r\nHost: "
                   "localhost\r\nOrigin: https://evil.example\r\n"
                   "Content-Length: 0\r\n\r\n"),
     403, "forbidden", false},
    {"a form without fields",
     SLICE_LITERAL("POST /api/v1/admin/dlq/replay HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                   "application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n"),
     415, "unsupported-media-type", false},
    {"CONNECT", SLICE_LITERAL("CONNECT a:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405,
     "method-not-allowed", false},
    {"TRACE", SLICE_LITERAL("TRACE /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405,
     "method-not-allowed", false},
    {"a wrong method", SLICE_LITERAL("DELETE /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"),
     405, "method-not-allowed", false},
    {"an invented method", SLICE_LITERAL("BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405,
     "method-not-allowed", false},
    {"a method in lower case", SLICE_LITERAL("get /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
     405, "method-not-allowed", false},
};

#endif
