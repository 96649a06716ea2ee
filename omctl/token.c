#include "omctl/token.h"

#include "omctl/signer.h"
#include "shared/base/clock.h"
#include "shared/contract/contact.h"
#include "shared/json/json.h"

struct token_options {
    const char *algorithm, *key_file, *subject, *scope, *tenant, *issuer, *audience, *ttl;
};

static void write_claims(const struct token_options *options, int64_t now_us, int64_t ttl_us,
                         struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "iss", options->issuer);
    json_put_text(&w, "aud", options->audience);
    json_put_text(&w, "sub", options->subject);
    json_put_text(&w, "scope", options->scope);
    if (options->tenant != NULL)
        json_put_text(&w, "tenant", options->tenant);
    json_put_int(&w, "iat", now_us / 1000000);
    json_put_int(&w, "exp", (now_us + ttl_us) / 1000000);
    json_end_object(&w);
}

static enum status make_token(const struct token_options *options, int64_t ttl_us,
                              struct buf *token, struct error *error) {
    struct signer *signer = NULL;
    struct buf claims = {0};
    enum status status = signer_create(options->algorithm, options->key_file, &signer, error);
    if (status != STATUS_OK)
        return status;
    write_claims(options, clock_now_us(), ttl_us, &claims);
    status = signer_sign(signer, buf_slice(&claims), token, error);
    buf_fini(&claims);
    signer_destroy(&signer);
    return status;
}

int token_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    struct token_options given = {.scope = "orders:read orders:write", .ttl = "1h"};
    const struct command_option options[] = {
        {.name = "--alg", .value = &given.algorithm},
        {.name = "--key-file", .value = &given.key_file},
        {.name = "--sub", .value = &given.subject},
        {.name = "--scope", .value = &given.scope},
        {.name = "--tenant", .value = &given.tenant},
        {.name = "--issuer", .value = &given.issuer},
        {.name = "--audience", .value = &given.audience},
        {.name = "--ttl", .value = &given.ttl},
    };
    struct error error;
    int64_t ttl_us;
    struct buf token = {0};
    if (command_parse(options, sizeof(options) / sizeof(options[0]), argc, argv, &error) !=
            STATUS_OK ||
        duration_parse(given.ttl, &ttl_us, &error) != STATUS_OK) {
        (void)command_failed("token", &error);
        return COMMAND_USAGE;
    }
    if (given.algorithm == NULL || given.key_file == NULL || given.subject == NULL ||
        given.issuer == NULL || given.audience == NULL) {
        fprintf(stderr, "omctl: token: --alg, --key-file, --sub, --issuer and --audience are"
                        " required\n");
        return COMMAND_USAGE;
    }
    if (!customer_id_is_valid(slice_of(given.subject))) {
        fprintf(stderr, "omctl: token: --sub must be 1 to %d bytes " PRINTABLE_RULE "\n",
                CUSTOMER_ID_MAX);
        return COMMAND_USAGE;
    }
    enum status status = make_token(&given, ttl_us, &token, &error);
    if (status == STATUS_OK)
        puts(token.ptr);
    buf_fini(&token);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("token", &error);
}
