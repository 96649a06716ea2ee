/* The gates for JSON Web Tokens, one for each algorithm. An input of two lines is a header and a
   payload, which are signed here, so that the judging of claims is reached; with a third line, that
   is the signature, so that verifying is reached with what no signer makes. Anything else is a
   token as a stranger sends it. Only what was signed here may pass. */
#include "gateway/admit/token_check.h"
#include "shared/base/memory.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/data/token.h"

#include <string.h>
#include <unistd.h>

#define NOW_S 1800000000

static const char *const algorithms[] = {"HS256", "RS256", "ES256"};

enum { ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

static struct {
    struct signing_key *key;
    struct token_checker *gate;
} sides[ALGORITHMS];

static void open_gate(size_t i) {
    char path[] = "/tmp/om-fuzz-XXXXXX";
    struct error error;
    const struct token_checker_options options = {.algorithm = algorithms[i],
                                                  .key_file = path,
                                                  .old_key_file = "",
                                                  .issuer = "issuer",
                                                  .audience = "audience",
                                                  .leeway_s = 60,
                                                  .tenant = "default"};
    int fd = mkstemp(path);
    MUST(fd != -1 && close(fd) == 0);
    sides[i].key = signing_key_create(algorithms[i]);
    signing_key_write_public(sides[i].key, path);
    MUST(token_checker_create(&options, &sides[i].gate, &error) == STATUS_OK);
    unlink(path);
}

static void judge(const struct caller *caller) {
    MUST(memchr(caller->subject, '\0', sizeof(caller->subject)) != NULL);
    MUST(memchr(caller->tenant, '\0', sizeof(caller->tenant)) != NULL);
    MUST(caller->tenant[0] != '\0' && (caller->scopes & ~(unsigned)SCOPE_ALL) == 0);
}

/* Takes the text before the next line's end, or all, off `rest`; false where nothing is left. */
static bool take_line(struct slice *rest, struct slice *line) {
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    *line = *rest;
    if (end == NULL)
        return false;
    line->len = (size_t)(end - rest->ptr);
    *rest = (struct slice){end + 1, rest->len - line->len - 1};
    return true;
}

static void try_stranger(struct slice token) {
    struct caller caller = {0};
    for (size_t i = 0; i < ALGORITHMS; i++)
        MUST(token_check(sides[i].gate, token, NOW_S, &caller) != TOKEN_FAULT_NONE);
}

static void try_forged(struct slice header, struct slice payload, struct slice signature) {
    struct buf token = {0};
    token_encode(header, &token);
    buf_append_char(&token, '.');
    token_encode(payload, &token);
    buf_append_char(&token, '.');
    token_encode(signature, &token);
    try_stranger(buf_slice(&token));
    buf_fini(&token);
}

/* A signer is only slow where its algorithm is named. */
static void try_signed(struct slice header, struct slice payload) {
    char *head = mem_copy(header), *claims = mem_copy(payload);
    for (size_t i = 0; i < ALGORITHMS; i++) {
        struct caller caller = {0};
        if (strstr(head, algorithms[i]) == NULL)
            continue;
        char *token = token_sign(sides[i].key, head, claims);
        if (token_check(sides[i].gate, slice_of(token), NOW_S, &caller) == TOKEN_FAULT_NONE)
            judge(&caller);
        free(token);
    }
    free(head);
    free(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct slice rest = {(const char *)bytes, len}, header, payload;
    for (size_t i = 0; i < ALGORITHMS && sides[i].gate == NULL; i++)
        open_gate(i);
    if (!take_line(&rest, &header))
        try_stranger(header);
    else if (!take_line(&rest, &payload))
        try_signed(header, payload);
    else
        try_forged(header, payload, rest);
    return 0;
}
