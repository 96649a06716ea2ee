#include "gateway/admit/token_check.h"

#include "gateway/admit/token_key.h"
#include "shared/base/memory.h"
#include "shared/contract/contact.h"
#include "shared/json/json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct token_checker {
    enum token_algorithm algorithm;
    struct token_key *keys[2];
    size_t key_count;
    char *issuer, *audience, *tenant;
    int64_t leeway_s;
};

static const struct {
    const char *label, *text;
} faults[] = {
#define TOKEN_FAULT_ROW(id, label, text) {label, text},
    TOKEN_FAULT_TABLE(TOKEN_FAULT_ROW)
#undef TOKEN_FAULT_ROW
};

const char *token_fault_label(enum token_fault fault) {
    return faults[fault].label;
}

const char *token_fault_text(enum token_fault fault) {
    return faults[fault].text;
}

/* --- parts ------------------------------------------------------------------------------------ */

enum { PART_HEADER, PART_PAYLOAD, PART_SIGNATURE, PART_COUNT };

/* Three parts, none empty. */
static bool split(struct slice token, struct slice parts[PART_COUNT]) {
    struct slice rest = token;
    for (int i = 0; i < PART_COUNT; i++) {
        bool is_last = i == PART_COUNT - 1;
        parts[i] = slice_take_until(&rest, '.');
        if (parts[i].len == 0 || (rest.ptr == NULL) != is_last)
            return false;
    }
    return true;
}

/* base64url without padding, canonical to the last bit. */
static bool decode(struct slice part, struct buf *out) {
    size_t len;
    buf_clear(out);
    buf_reserve(out, part.len);
    if (sodium_base642bin((unsigned char *)out->ptr, part.len, part.ptr, part.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return false;
    out->len = len;
    return true;
}

static struct json_object *parse_part(struct slice part) {
    struct buf text = {0};
    struct json_object *root = NULL;
    if (!decode(part, &text) || json_parse(buf_slice(&text), &root, NULL) != STATUS_OK)
        root = NULL;
    buf_fini(&text);
    return root;
}

/* --- header and signature --------------------------------------------------------------------- */

static bool is_jwt_type(struct slice type) {
    static const char *const types[] = {"JWT", "at+jwt", "application/at+jwt"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (type.len == strlen(types[i]) && strncasecmp(type.ptr, types[i], type.len) == 0)
            return true;
    return false;
}

static enum token_fault judge_header(const struct token_checker *checker,
                                     struct json_object *header) {
    struct slice algorithm, type;
    if (json_get_string(header, "alg", &algorithm, NULL) != STATUS_OK ||
        !slice_is(algorithm, token_algorithm_name(checker->algorithm)))
        return TOKEN_FAULT_ALGORITHM;
    /* extensions that must be understood (RFC 7515 section 4.1.11): we understand none */
    if (json_object_object_get_ex(header, "crit", NULL))
        return TOKEN_FAULT_HEADER;
    enum status status = json_get_string(header, "typ", &type, NULL);
    if (status == STATUS_INVALID || (status == STATUS_OK && !is_jwt_type(type)))
        return TOKEN_FAULT_HEADER;
    return TOKEN_FAULT_NONE;
}

static bool is_signed(const struct token_checker *checker, struct slice text,
                      struct slice signature) {
    for (size_t i = 0; i < checker->key_count; i++)
        if (token_key_verify(checker->keys[i], text, signature))
            return true;
    return false;
}

/* --- claims ----------------------------------------------------------------------------------- */

/* Absent counts as `fallback`. */
static bool read_time(struct json_object *claims, const char *name, int64_t fallback,
                      int64_t *value) {
    enum status status = json_get_int64(claims, name, value, NULL);
    if (status == STATUS_NOT_FOUND)
        *value = fallback;
    return status == STATUS_OK || status == STATUS_NOT_FOUND;
}

static enum token_fault judge_times(const struct token_checker *checker, struct json_object *claims,
                                    int64_t now_s, struct caller *caller) {
    int64_t expires_s, not_before_s, issued_s;
    if (json_get_int64(claims, "exp", &expires_s, NULL) != STATUS_OK ||
        !read_time(claims, "nbf", now_s, &not_before_s) ||
        !read_time(claims, "iat", now_s, &issued_s))
        return TOKEN_FAULT_CLAIMS;
    if (expires_s <= now_s - checker->leeway_s)
        return TOKEN_FAULT_EXPIRED;
    if (not_before_s > now_s + checker->leeway_s || issued_s > now_s + checker->leeway_s)
        return TOKEN_FAULT_EARLY;
    if (__builtin_add_overflow(expires_s, checker->leeway_s, &caller->expires_s))
        caller->expires_s = INT64_MAX;
    return TOKEN_FAULT_NONE;
}

/* `aud` is one string or an array of them (RFC 7519 section 4.1.3). */
static enum token_fault judge_audience(const struct token_checker *checker,
                                       struct json_object *claims) {
    struct json_object *list;
    struct slice one;
    if (json_get_string(claims, "aud", &one, NULL) == STATUS_OK)
        return slice_is(one, checker->audience) ? TOKEN_FAULT_NONE : TOKEN_FAULT_AUDIENCE;
    if (json_get_array(claims, "aud", &list, NULL) != STATUS_OK)
        return TOKEN_FAULT_CLAIMS;
    enum token_fault fault = TOKEN_FAULT_AUDIENCE;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        if (!json_object_is_type(entry, json_type_string))
            return TOKEN_FAULT_CLAIMS;
        one = (struct slice){json_object_get_string(entry),
                             (size_t)json_object_get_string_len(entry)};
        if (slice_is(one, checker->audience))
            fault = TOKEN_FAULT_NONE;
    }
    return fault;
}

/* As a tenant's name may be written in configuration, subjects and keys. */
static bool is_tenant(struct slice text) {
    static const char most[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";
    for (size_t i = 0; i < text.len; i++)
        if (memchr(most, text.ptr[i], sizeof(most) - 1) == NULL)
            return false;
    return text.len > 0 && text.len <= CALLER_TENANT_MAX;
}

static void copy_text(char *out, struct slice text) {
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

static enum token_fault read_caller(const struct token_checker *checker, struct json_object *claims,
                                    struct caller *caller) {
    struct slice subject, scope = slice_of(NULL), tenant = slice_of(checker->tenant);
    if (json_get_string(claims, "sub", &subject, NULL) != STATUS_OK ||
        json_get_string(claims, "scope", &scope, NULL) == STATUS_INVALID ||
        json_get_string(claims, "tenant", &tenant, NULL) == STATUS_INVALID)
        return TOKEN_FAULT_CLAIMS;
    if (!customer_id_is_valid(subject))
        return TOKEN_FAULT_SUBJECT;
    if (!is_tenant(tenant))
        return TOKEN_FAULT_TENANT;
    caller->scopes = scopes_parse(scope);
    copy_text(caller->subject, subject);
    copy_text(caller->tenant, tenant);
    caller->is_platform = slice_is(tenant, checker->tenant);
    return TOKEN_FAULT_NONE;
}

static enum token_fault judge_claims(const struct token_checker *checker,
                                     struct json_object *claims, int64_t now_s,
                                     struct caller *caller) {
    struct slice issuer;
    enum token_fault fault = judge_times(checker, claims, now_s, caller);
    if (fault != TOKEN_FAULT_NONE)
        return fault;
    if (json_get_string(claims, "iss", &issuer, NULL) != STATUS_OK)
        return TOKEN_FAULT_CLAIMS;
    if (!slice_is(issuer, checker->issuer))
        return TOKEN_FAULT_ISSUER;
    fault = judge_audience(checker, claims);
    return fault != TOKEN_FAULT_NONE ? fault : read_caller(checker, claims, caller);
}

/* --- the whole token -------------------------------------------------------------------------- */

static enum token_fault judge_signature(const struct token_checker *checker,
                                        const struct slice *parts) {
    const struct slice *part = &parts[PART_SIGNATURE];
    const char *start = parts[PART_HEADER].ptr;
    struct slice text = {start, (size_t)(part->ptr - start) - 1};
    struct buf signature = {0};
    enum token_fault fault = TOKEN_FAULT_MALFORMED;
    if (decode(*part, &signature))
        fault = is_signed(checker, text, buf_slice(&signature)) ? TOKEN_FAULT_NONE
                                                                : TOKEN_FAULT_SIGNATURE;
    buf_fini(&signature);
    return fault;
}

enum token_fault token_check(const struct token_checker *checker, struct slice token, int64_t now_s,
                             struct caller *caller) {
    struct slice parts[PART_COUNT];
    if (token.len >= TOKEN_LESS_THAN_BYTES || !split(token, parts))
        return TOKEN_FAULT_MALFORMED;
    struct json_object *header = parse_part(parts[PART_HEADER]);
    enum token_fault fault = header == NULL ? TOKEN_FAULT_MALFORMED : judge_header(checker, header);
    json_object_put(header);
    if (fault == TOKEN_FAULT_NONE)
        fault = judge_signature(checker, parts);
    if (fault != TOKEN_FAULT_NONE)
        return fault;
    /* nothing that the payload says was looked at before it is known who wrote it */
    struct json_object *claims = parse_part(parts[PART_PAYLOAD]);
    fault = claims == NULL ? TOKEN_FAULT_MALFORMED : judge_claims(checker, claims, now_s, caller);
    json_object_put(claims);
    return fault;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

enum status token_checker_create(const struct token_checker_options *options,
                                 struct token_checker **checker, struct error *error) {
    enum token_algorithm algorithm;
    if (!token_algorithm_parse(options->algorithm, &algorithm))
        return error_set(error, STATUS_INVALID, "OM_JWT_ALG is none of HS256 RS256 ES256");
    if (options->key_file[0] == '\0' || options->issuer[0] == '\0' || options->audience[0] == '\0')
        return error_set(error, STATUS_INVALID,
                         "OM_AUTH=jwt needs OM_JWT_KEY_FILE, OM_JWT_ISSUER and OM_JWT_AUDIENCE");
    struct token_checker *made = mem_alloc(sizeof(*made));
    made->algorithm = algorithm;
    made->issuer = mem_copy(slice_of(options->issuer));
    made->audience = mem_copy(slice_of(options->audience));
    made->tenant = mem_copy(slice_of(options->tenant));
    made->leeway_s = options->leeway_s;
    const char *const files[] = {options->key_file, options->old_key_file};
    for (size_t i = 0; i < 2; i++) {
        if (files[i][0] == '\0')
            continue;
        enum status status =
            token_key_read(algorithm, files[i], &made->keys[made->key_count], error);
        if (status != STATUS_OK) {
            token_checker_destroy(&made);
            return status;
        }
        made->key_count++;
    }
    *checker = made;
    return STATUS_OK;
}

void token_checker_destroy(struct token_checker **checker) {
    struct token_checker *g = *checker;
    *checker = NULL;
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->key_count; i++)
        token_key_destroy(&g->keys[i]);
    free(g->issuer);
    free(g->audience);
    free(g->tenant);
    free(g);
}
