/* The gate for JSON Web Tokens. An input of two lines is a header and a payload, which are signed
   here, so that the judging of claims is reached; anything else is a token as a stranger sends it,
   and none of those may pass. */
#include "gateway/token_gate.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_S 1800000000

static const struct token_gate *gate(void) {
    static struct token_gate *made;
    char path[] = "/tmp/om-fuzz-XXXXXX";
    struct error error;
    if (made != NULL)
        return made;
    int fd = mkstemp(path);
    MUST(fd != -1 && write(fd, SECRET, sizeof(SECRET) - 1) == sizeof(SECRET) - 1);
    close(fd);
    const struct token_gate_options options = {.algorithm = "HS256",
                                               .key_file = path,
                                               .old_key_file = "",
                                               .issuer = "issuer",
                                               .audience = "audience",
                                               .leeway_s = 60,
                                               .tenant = "default"};
    MUST(token_gate_create(&options, &made, &error) == STATUS_OK);
    unlink(path);
    return made;
}

static void append_base64url(struct buf *out, const void *bytes, size_t len) {
    unsigned char *encoded = mem_alloc(len / 3 * 4 + 5);
    int encoded_len = EVP_EncodeBlock(encoded, bytes, (int)len);
    for (int i = 0; i < encoded_len && encoded[i] != '='; i++)
        buf_append_char(out, encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : (char)encoded[i]);
    free(encoded);
}

static void sign(struct slice header, struct slice payload, struct buf *token) {
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned signature_len = 0;
    append_base64url(token, header.ptr, header.len);
    buf_append_char(token, '.');
    append_base64url(token, payload.ptr, payload.len);
    HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)token->ptr, token->len,
         signature, &signature_len);
    buf_append_char(token, '.');
    append_base64url(token, signature, signature_len);
}

static void judge(const struct caller *caller) {
    MUST(memchr(caller->subject, '\0', sizeof(caller->subject)) != NULL);
    MUST(memchr(caller->tenant, '\0', sizeof(caller->tenant)) != NULL);
    MUST(caller->tenant[0] != '\0' && (caller->scopes & ~(unsigned)SCOPE_ALL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    const struct slice input = {(const char *)bytes, len};
    const char *line_end = len == 0 ? NULL : memchr(input.ptr, '\n', len);
    struct caller caller = {0};
    if (line_end == NULL) {
        MUST(token_gate_check(gate(), input, NOW_S, &caller) != TOKEN_FAULT_NONE);
        return 0;
    }
    const struct slice header = {input.ptr, (size_t)(line_end - input.ptr)};
    const struct slice payload = {line_end + 1, len - header.len - 1};
    struct buf token = {0};
    sign(header, payload, &token);
    if (token_gate_check(gate(), buf_slice(&token), NOW_S, &caller) == TOKEN_FAULT_NONE)
        judge(&caller);
    buf_fini(&token);
    return 0;
}
