#include "tests/support/gateway/jwt_fixture.h"

struct signing_key *key, *next_key;

static const char *sign(const struct signing_key *signer, const char *claims) {
    static char headers[4][2048];
    static unsigned turn;
    char *header = headers[turn++ % 4];
    char *token = token_sign(signer, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", claims);
    snprintf(header, sizeof(headers[0]), "Authorization: Bearer %s", token);
    free(token);
    return header;
}

static void write_claims(struct buf *out, const char *audience, const char *subject,
                         const char *scope, int64_t until_us) {
    buf_printf(out,
               "{\"iss\":\"https://id.example\",\"aud\":\"%s\",\"sub\":\"%s\","
               "\"scope\":\"%s\",\"exp\":%lld",
               audience, subject, scope, (long long)(until_us / 1000000));
}

const char *authorize_until(int64_t until_us, const struct signing_key *signer, const char *subject,
                            const char *scope, const char *more) {
    struct buf claims = {0};
    write_claims(&claims, "ordermesh", subject, scope, until_us);
    buf_printf(&claims, "%s}", more);
    const char *header = sign(signer, claims.ptr);
    buf_fini(&claims);
    return header;
}

const char *authorize_for(const char *audience, const char *subject, const char *scope) {
    struct buf claims = {0};
    write_claims(&claims, audience, subject, scope, clock_now_us() + 600 * INT64_C(1000000));
    buf_append_char(&claims, '}');
    const char *header = sign(key, claims.ptr);
    buf_fini(&claims);
    return header;
}

const char *authorize_with(const struct signing_key *signer, const char *subject, const char *scope,
                           const char *more) {
    return authorize_until(clock_now_us() + 600 * INT64_C(1000000), signer, subject, scope, more);
}

const char *customer(const char *subject) {
    return authorize_with(key, subject, "orders:read orders:write", "");
}

const char *administrator(void) {
    return authorize_with(key, "root", "admin", "");
}

struct http_response ask(const char *method, const char *path, const char *body,
                         const char *const *headers) {
    struct http_response response;
    char *url = gateway_url(path);
    http_send(
        fixture.http,
        &(struct http_request){.method = method, .url = url, .body = body, .headers = headers},
        &response);
    free(url);
    return response;
}

struct http_response ask_as(const char *authorization, const char *method, const char *path,
                            const char *body) {
    return ask(method, path, body, (const char *[]){authorization, NULL});
}

void jwt_key_path(const char *name, char *path) {
    snprintf(path, 256, "%s/%s", servers_dir(fixture.servers), name);
}

void jwt_fixture_set(void) {
    char path[256], next_path[256];
    jwt_key_path("jwt.pem", path);
    jwt_key_path("jwt-next.pem", next_path);
    key = signing_key_create("ES256");
    next_key = signing_key_create("ES256");
    signing_key_write_public(key, path);
    signing_key_write_public(next_key, next_path);
    environment_set(&fixture.environment, "OM_AUTH", "jwt");
    environment_set(&fixture.environment, "OM_JWT_ALG", "ES256");
    environment_set(&fixture.environment, "OM_JWT_KEY_FILE", path);
    environment_set(&fixture.environment, "OM_JWT_ISSUER", "https://id.example");
    environment_set(&fixture.environment, "OM_JWT_AUDIENCE", "ordermesh");
}

int jwt_fixture_teardown(void **state) {
    signing_key_destroy(&key);
    signing_key_destroy(&next_key);
    return fixture_teardown(state);
}
