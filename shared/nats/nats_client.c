#include "shared/nats/nats_client.h"

#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/nats/denials.h"
#include "shared/nats/nats_certificate.h"
#include "shared/observe/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CONNECTION_MS 5000
#define CONNECT_TIMEOUT_MS 2000
#define WRITE_DEADLINE_MS 5000
#define PING_INTERVAL_MS 10000
#define RECONNECT_WAIT_MS 250
#define FLUSH_AT_END_MS 1000
#define INFO_TIMEOUT_MS 1000
/* Longer than anybody waits for an acknowledgement. */
#define DENIAL_RECENT_US 15000000
/* For one message to be handed over by the thread that reads. */
#define RETIRED_US 10000000
/* A publisher must learn that the broker is away, so next to nothing is buffered meanwhile. */
#define RECONNECT_BUFFER_BYTES 1

/* What a server takes that nobody has told otherwise. nats.c keeps to what a connection was told at
   its beginning. */
#define PAYLOAD_LEAST (INT64_C(1024) * 1024)

/* A subscription that has ended, and is freed once nobody can be using it. */
struct retired {
    natsSubscription *subscription;
    int64_t since_us;
    struct retired *next;
};

struct nats_client {
    natsConnection *fast;
    natsConnection *bulk;
    char *inbox_prefix;
    atomic_uint_fast64_t epoch;
    atomic_uint_fast64_t next_inbox;
    atomic_bool is_closing;
    atomic_int closed_count; /* connections whose last callback has run */
    pthread_mutex_t version_mutex;
    struct nats_info server; /* zero: unknown */
    uint64_t version_epoch;  /* the epoch it was asked in */
    bool is_version_asked;
    struct denials denials;
    pthread_mutex_t retired_mutex;
    struct retired *retired; /* the latest first */
};

enum status nats_error(struct error *error, natsStatus status, const char *doing) {
    if (status == NATS_OK)
        return STATUS_OK;
    enum status ours = STATUS_UNAVAILABLE;
    if (status == NATS_TIMEOUT)
        ours = STATUS_TIMEOUT;
    else if (status == NATS_NO_MEMORY)
        ours = STATUS_NO_MEMORY;
    else if (status == NATS_INVALID_ARG || status == NATS_INVALID_SUBJECT ||
             status == NATS_MAX_PAYLOAD)
        ours = STATUS_INVALID;
    return error_set(error, ours, "%s: %s", doing, natsStatus_GetText(status));
}

static void on_disconnected(natsConnection *connection, void *closure) {
    (void)connection;
    struct nats_client *client = closure;
    if (!atomic_load(&client->is_closing))
        log_warn("disconnected from NATS");
}

static enum status check_payload(natsConnection *connection, struct error *error) {
    int64_t most = natsConnection_GetMaxPayload(connection);
    if (most >= PAYLOAD_LEAST)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE,
                     "NATS takes messages up to %lld bytes only: set its max_payload to 1088KB",
                     (long long)most);
}

static void on_reconnected(natsConnection *connection, void *closure) {
    struct nats_client *client = closure;
    struct error error = {0};
    if (check_payload(connection, &error) != STATUS_OK) {
        log_error("the NATS connection is of no use; ending so that it is opened anew",
                  LOG_ERROR(&error));
        _exit(1);
    }
    if (connection == client->fast)
        atomic_fetch_add(&client->epoch, 1);
    log_info("reconnected to NATS");
}

/* nats.c gives up for good after two equal authorization errors; only a restart helps then. */
static void on_closed(natsConnection *connection, void *closure) {
    (void)connection;
    struct nats_client *client = closure;
    if (atomic_load(&client->is_closing)) {
        atomic_fetch_add(&client->closed_count, 1);
        return;
    }
    log_error("the NATS connection was closed for good; ending so that it is opened anew");
    _exit(1);
}

/* The thread's last error in the library's words, without the place in its source that they begin
   with, "(conn.c:2088): "; NULL for none. */
static const char *last_error(void) {
    const char *detail = nats_GetLastError(NULL);
    struct slice place = slice_of(detail);
    if (!slice_take_prefix(&place, "("))
        return detail;
    struct slice file = slice_take_until(&place, ':');
    (void)slice_take_digits(&place);
    bool is_place = file.len > 2 && memcmp(file.ptr + file.len - 2, ".c", 2) == 0 &&
                    slice_take_prefix(&place, "): ");
    return is_place ? place.ptr : detail;
}

static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                     void *closure) {
    (void)connection;
    (void)subscription;
    struct nats_client *client = closure;
    const char *detail = last_error(); /* this one's, for the time of the callback */
    if (status == NATS_NOT_PERMITTED) {
        /* The caller sees a time-out only. */
        denials_note(&client->denials, detail, clock_monotonic_us());
        log_error("NATS does not permit this to its user", LOG_TEXT("detail", detail));
        return;
    }
    log_warn("NATS reported an error", LOG_TEXT("status", natsStatus_GetText(status)),
             LOG_TEXT("detail", detail));
}

/* --- options ---------------------------------------------------------------------------------- */

/* The contents of the files of the options. */
struct credentials {
    char *password;
    char *tls_ca, *tls_cert, *tls_key; /* NULL: none */
};

static enum status read_optional(const char *path, char **content, struct error *error) {
    size_t length;
    if (path == NULL || path[0] == '\0')
        return STATUS_OK;
    return config_read_file(path, content, &length, error);
}

static enum status read_credentials(const struct nats_client_options *from,
                                    struct credentials *credentials, struct error *error) {
    enum status status = read_optional(from->password_file, &credentials->password, error);
    if (status == STATUS_OK)
        status = read_optional(from->tls_ca_file, &credentials->tls_ca, error);
    if (status == STATUS_OK)
        status = read_optional(from->tls_cert_file, &credentials->tls_cert, error);
    if (status == STATUS_OK)
        status = read_optional(from->tls_key_file, &credentials->tls_key, error);
    nats_certificate_show("authority", credentials->tls_ca);
    nats_certificate_show("client", credentials->tls_cert);
    if (status == STATUS_OK && (credentials->tls_cert == NULL) != (credentials->tls_key == NULL))
        status = error_set(error, STATUS_INVALID,
                           "a TLS certificate and its key are given together or not at all");
    return status;
}

static void free_secret(char *secret) {
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void credentials_fini(struct credentials *credentials) {
    free_secret(credentials->password);
    free_secret(credentials->tls_key);
    free(credentials->tls_ca);
    free(credentials->tls_cert);
}

/* nats.c checks the server's chain and host name by itself. */
static enum status set_tls(natsOptions *options, const struct credentials *with,
                           struct error *error) {
    const char *doing = "TLS";
    natsStatus s = natsOptions_SetSecure(options, true);
    if (s == NATS_OK && with->tls_ca != NULL) {
        doing = "the trusted TLS certificates";
        s = natsOptions_SetCATrustedCertificates(options, with->tls_ca);
    }
    if (s == NATS_OK && with->tls_cert != NULL) {
        doing = "the TLS certificate and its key";
        s = natsOptions_SetCertificatesChain(options, with->tls_cert, with->tls_key);
    }
    if (s == NATS_OK)
        return STATUS_OK;
    const char *detail = last_error();
    return error_set(error, STATUS_INVALID, "%s: %s", doing,
                     detail != NULL ? detail : natsStatus_GetText(s));
}

static bool is_port(struct slice text) {
    uint64_t port;
    if (text.len > 0 && text.ptr[text.len - 1] == '/')
        text.len--;
    return slice_parse_uint(text, 65535, &port) && port > 0;
}

/* [nats://|tls://][user[:password]@]host[:port], a host of IPv6 in brackets. */
static bool is_server(struct slice text) {
    static const char host_ends[] = " \t/?#@:[]";
    struct slice rest = slice_trim(text);
    if (!slice_take_prefix(&rest, "nats://"))
        (void)slice_take_prefix(&rest, "tls://");
    for (size_t i = rest.len; i > 0; i--) {
        if (rest.ptr[i - 1] != '@')
            continue;
        rest = (struct slice){rest.ptr + i, rest.len - i};
        break;
    }
    bool is_numeric = slice_take_prefix(&rest, "[");
    size_t len = 0;
    while (len < rest.len &&
           (is_numeric ? rest.ptr[len] != ']' : strchr(host_ends, rest.ptr[len]) == NULL))
        len++;
    struct slice port = {rest.ptr + len, rest.len - len};
    if (len == 0 || (is_numeric && !slice_take_prefix(&port, "]")))
        return false;
    return port.len == 0 || (slice_take_prefix(&port, ":") && is_port(port));
}

enum status nats_client_check_url(const char *url, struct error *error) {
    struct slice rest = slice_of(url);
    int count = 0, wrong = 0;
    while (rest.ptr != NULL) {
        count++;
        if (!is_server(slice_take_until(&rest, ',')) && wrong == 0)
            wrong = count;
    }
    if (wrong > 0)
        return error_set(error, STATUS_INVALID,
                         "OM_NATS_URL must be nats://host:port or tls://host:port, comma separated;"
                         " server %d is not",
                         wrong);
    if (count <= NATS_SERVERS_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "OM_NATS_URL names %d servers, more than %d", count,
                     NATS_SERVERS_MAX);
}

static natsStatus set_options(natsOptions *options, const struct nats_client_options *from,
                              struct nats_client *client, const char *password, bool is_fast) {
    natsStatus s = natsOptions_SetURL(options, from->url);
    if (strchr(from->url, ',') != NULL) {
        char *list = mem_copy(slice_of(from->url)), *rest = list;
        const char *servers[NATS_SERVERS_MAX];
        int count = 0;
        for (char *one; count < NATS_SERVERS_MAX && (one = strsep(&rest, ",")) != NULL;)
            servers[count++] = one;
        s = natsOptions_SetServers(options, servers, count);
        free(list);
    }
    if (s == NATS_OK && from->user[0] != '\0')
        s = natsOptions_SetUserInfo(options, from->user, password);
    if (s == NATS_OK)
        s = natsOptions_SetName(options, from->name);
    if (s == NATS_OK)
        s = natsOptions_SetCustomInboxPrefix(options, client->inbox_prefix);
    if (s == NATS_OK)
        s = natsOptions_SetSendAsap(options, is_fast);
    if (s == NATS_OK && !is_fast)
        s = natsOptions_UseGlobalMessageDelivery(options, true);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(options, CONNECT_TIMEOUT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetWriteDeadline(options, WRITE_DEADLINE_MS);
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(options, PING_INTERVAL_MS);
    if (s == NATS_OK)
        s = natsOptions_SetMaxReconnect(options, -1);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectBufSize(options, RECONNECT_BUFFER_BYTES);
    if (s == NATS_OK)
        s = natsOptions_SetFailRequestsOnDisconnect(options, true);
    if (s == NATS_OK)
        s = natsOptions_SetDisconnectedCB(options, on_disconnected, client);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectedCB(options, on_reconnected, client);
    if (s == NATS_OK)
        s = natsOptions_SetClosedCB(options, on_closed, client);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(options, on_error, client);
    return s;
}

static natsStatus try_connecting(natsOptions *options, natsConnection **connection) {
    int64_t until = clock_monotonic_us() + FIRST_CONNECTION_MS * INT64_C(1000);
    while (true) {
        natsStatus s = natsConnection_Connect(connection, options);
        if (s == NATS_OK || clock_monotonic_us() > until)
            return s;
        clock_sleep_ms(100);
    }
}

/* In TLS 1.3 a refused certificate shows only by the end of the connection behind the handshake. */
static enum status explain_failure(natsStatus s, bool is_tls, struct error *error) {
    const char *detail = last_error();
    bool was_cut_off =
        s == NATS_PROTOCOL_ERROR || s == NATS_IO_ERROR || s == NATS_CONNECTION_CLOSED;
    enum status status = nats_error(error, s, "connecting to NATS");
    if (detail == NULL)
        return status;
    return error_set(error, status, "connecting to NATS: %s%.150s",
                     is_tls && was_cut_off ? "our TLS certificate may be refused: " : "", detail);
}

static enum status open_connection(const struct nats_client_options *from,
                                   struct nats_client *client, const struct credentials *with,
                                   bool is_fast, natsConnection **connection, struct error *error) {
    bool is_tls =
        with->tls_ca != NULL || with->tls_cert != NULL || strstr(from->url, "tls://") != NULL;
    natsOptions *options = NULL;
    natsStatus s = natsOptions_Create(&options);
    if (s == NATS_OK)
        s = set_options(options, from, client, with->password, is_fast);
    enum status status = nats_error(error, s, "setting up the NATS connection");
    if (status == STATUS_OK && is_tls)
        status = set_tls(options, with, error);
    if (status == STATUS_OK) {
        s = try_connecting(options, connection);
        if (s != NATS_OK)
            status = explain_failure(s, is_tls, error);
    }
    natsOptions_Destroy(options);
    return status;
}

enum status nats_client_create(const struct nats_client_options *options,
                               struct nats_client **client, struct error *error) {
    struct credentials credentials = {0};
    struct nats_client *made = mem_alloc(sizeof(*made));
    struct buf prefix = {0};
    buf_printf(&prefix, "_INBOX_%s", options->user[0] != '\0' ? options->user : options->name);
    made->inbox_prefix = prefix.ptr;
    pthread_mutex_init(&made->version_mutex, NULL);
    pthread_mutex_init(&made->retired_mutex, NULL);
    denials_init(&made->denials);

    enum status status = nats_client_check_url(options->url, error);
    if (status == STATUS_OK)
        status = read_credentials(options, &credentials, error);
    if (status == STATUS_OK)
        status = open_connection(options, made, &credentials, true, &made->fast, error);
    if (status == STATUS_OK)
        status = open_connection(options, made, &credentials, false, &made->bulk, error);
    credentials_fini(&credentials);
    if (status == STATUS_OK)
        status = check_payload(made->fast, error);
    if (status != STATUS_OK) {
        nats_client_destroy(&made);
        return status;
    }
    *client = made;
    return STATUS_OK;
}

/* --- subscriptions that ended ----------------------------------------------------------------- */

static void free_retired(struct retired *retired) {
    while (retired != NULL) {
        struct retired *next = retired->next;
        natsSubscription_Destroy(retired->subscription);
        free(retired);
        retired = next;
    }
}

/* Takes those off the list that ended `until_us` or before. */
static struct retired *take_retired(struct nats_client *client, int64_t until_us) {
    struct retired **link = &client->retired;
    while (*link != NULL && (*link)->since_us > until_us)
        link = &(*link)->next;
    struct retired *taken = *link;
    *link = NULL;
    return taken;
}

void nats_client_unsubscribe(struct nats_client *client, natsSubscription **subscription) {
    if (*subscription == NULL)
        return;
    struct retired *retired = mem_alloc(sizeof(*retired));
    retired->subscription = *subscription;
    *subscription = NULL;
    natsSubscription_Unsubscribe(retired->subscription);

    pthread_mutex_lock(&client->retired_mutex);
    retired->since_us = clock_monotonic_us();
    struct retired *old = take_retired(client, retired->since_us - RETIRED_US);
    retired->next = client->retired;
    client->retired = retired;
    pthread_mutex_unlock(&client->retired_mutex);
    free_retired(old);
}

void nats_client_destroy(struct nats_client **client) {
    struct nats_client *c = *client;
    *client = NULL;
    if (c == NULL)
        return;
    atomic_store(&c->is_closing, true);
    natsConnection *connections[] = {c->fast, c->bulk};
    int opened = 0;
    for (size_t i = 0; i < 2; i++) {
        if (connections[i] == NULL)
            continue;
        opened++;
        if (natsConnection_Status(connections[i]) == NATS_CONN_STATUS_CONNECTED)
            natsConnection_FlushTimeout(connections[i], FLUSH_AT_END_MS);
        natsConnection_Destroy(connections[i]);
    }
    free_retired(c->retired); /* nobody reads any more */
    c->retired = NULL;
    /* nats.c calls back from a thread of its own; `c` is that call's closure, so it is rather left
       behind than freed under a late call. */
    for (int waited_ms = 0; atomic_load(&c->closed_count) != opened; waited_ms++) {
        if (waited_ms == FLUSH_AT_END_MS)
            return;
        clock_sleep_ms(1);
    }
    pthread_mutex_destroy(&c->version_mutex);
    pthread_mutex_destroy(&c->retired_mutex);
    denials_fini(&c->denials);
    free(c->inbox_prefix);
    free(c);
}

natsConnection *nats_client_fast(struct nats_client *client) {
    return client->fast;
}

natsConnection *nats_client_bulk(struct nats_client *client) {
    return client->bulk;
}

bool nats_client_is_connected(struct nats_client *client) {
    return natsConnection_Status(client->fast) == NATS_CONN_STATUS_CONNECTED &&
           natsConnection_Status(client->bulk) == NATS_CONN_STATUS_CONNECTED;
}

int64_t nats_client_denied_us(struct nats_client *client, const char *subject) {
    return denials_last_us(&client->denials, subject);
}

static bool is_recent(int64_t denied_us) {
    return denied_us > 0 && denied_us > clock_monotonic_us() - DENIAL_RECENT_US;
}

enum status nats_client_check_rights(struct nats_client *client, struct error *error) {
    char subject[DENIAL_SUBJECT_SIZE];
    if (!is_recent(denials_latest(&client->denials, subject)))
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE,
                     "NATS does not let this user publish to %s: give it its rights again (`omctl "
                     "nats-users`)",
                     subject);
}

const char *nats_client_denial_hint(struct nats_client *client) {
    return is_recent(denials_last_us(&client->denials, NULL))
               ? "; NATS does not let this user publish all that it has to: give it its rights "
                 "again (`omctl nats-users`)"
               : "";
}

uint64_t nats_client_epoch(struct nats_client *client) {
    return atomic_load(&client->epoch);
}

static struct nats_info ask_server(struct nats_client *client) {
    struct error error = {0};
    struct nats_info info = {0};
    char url[512];
    enum status status =
        nats_error(&error, natsConnection_GetConnectedUrl(client->fast, url, sizeof(url)),
                   "finding the NATS server");
    if (status == STATUS_OK)
        status = nats_info_ask(url, INFO_TIMEOUT_MS, &info, &error);
    if (status != STATUS_OK)
        log_warn("the NATS server's version is unknown", LOG_ERROR(&error));
    return info;
}

static struct nats_info known_server(struct nats_client *client) {
    uint64_t epoch = nats_client_epoch(client);
    pthread_mutex_lock(&client->version_mutex);
    if (!client->is_version_asked || client->version_epoch != epoch) {
        client->server = ask_server(client);
        client->version_epoch = epoch;
        client->is_version_asked = true;
    }
    struct nats_info server = client->server;
    pthread_mutex_unlock(&client->version_mutex);
    return server;
}

int nats_client_server_version(struct nats_client *client) {
    return known_server(client).version;
}

bool nats_client_is_clustered(struct nats_client *client) {
    return known_server(client).is_clustered;
}

char *nats_client_inbox(struct nats_client *client) {
    struct uuid unique = uuid_v7();
    char text[UUID_TEXT_SIZE];
    uuid_format(&unique, text);
    struct buf inbox = {0};
    buf_printf(&inbox, "%s.%s", client->inbox_prefix, text);
    return inbox.ptr;
}

/* How far into an envelope its own members reach; its data follows. */
#define ENVELOPE_HEAD_MOST 512
#define ATTRIBUTE_SIZE 128

/* An attribute of the envelope as a header too, for who does not read the body (the CloudEvents'
   names in a protocol's headers). `opening` is what stands before its text; one that is escaped is
   left out. */
static natsStatus put_attribute(natsMsg *message, const char *header, struct slice envelope,
                                const char *opening) {
    char text[ATTRIBUTE_SIZE];
    size_t len = strlen(opening);
    size_t head = envelope.len < ENVELOPE_HEAD_MOST ? envelope.len : ENVELOPE_HEAD_MOST;
    const char *at = head > 0 ? memmem(envelope.ptr, head, opening, len) : NULL;
    if (at == NULL)
        return NATS_OK;
    struct slice value = {at + len, (size_t)(envelope.ptr + head - at) - len};
    const char *end = memchr(value.ptr, '"', value.len);
    value.len = end != NULL ? (size_t)(end - value.ptr) : ATTRIBUTE_SIZE;
    if (value.len >= sizeof(text) || memchr(value.ptr, '\\', value.len) != NULL)
        return NATS_OK;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return natsMsgHeader_Set(message, header, text);
}

enum status nats_event_message(natsMsg **message, const char *subject, const char *reply,
                               struct slice payload, const char *msg_id, const char *stream,
                               const char *traceparent, struct error *error) {
    natsMsg *made = NULL;
    natsStatus s = natsMsg_Create(&made, subject, reply, payload.ptr, (int)payload.len);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(made, "Nats-Msg-Id", msg_id);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(made, "Nats-Expected-Stream", stream);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(made, "Content-Type", "application/cloudevents+json");
    if (s == NATS_OK)
        s = put_attribute(made, "Ce-Type", payload, "\"type\":\"");
    if (s == NATS_OK)
        s = put_attribute(made, "Ce-Subject", payload, "\"subject\":\"");
    if (s == NATS_OK && traceparent != NULL && traceparent[0] != '\0')
        s = natsMsgHeader_Set(made, "traceparent", traceparent);
    if (s != NATS_OK) {
        natsMsg_Destroy(made);
        return nats_error(error, s, "making a message");
    }
    *message = made;
    return STATUS_OK;
}

enum status pub_ack_parse(struct slice payload, struct pub_ack *ack, struct error *error) {
    struct json_object *root = NULL, *refused = NULL;
    enum status status = json_parse(payload, &root, error);
    if (status != STATUS_OK)
        return status;
    struct pub_ack parsed = {0};
    if (json_get_object(root, "error", &refused, NULL) == STATUS_OK) {
        int64_t code = 0;
        struct slice text = SLICE_LITERAL("refused");
        if (json_get_int64(refused, "err_code", &code, NULL) != STATUS_OK || code == 0)
            code = -1;
        parsed.error_code = (int)code;
        (void)!json_get_string(refused, "description", &text, NULL);
        snprintf(parsed.error_text, sizeof(parsed.error_text), "%.*s", SLICE_ARG(text));
    } else {
        int64_t sequence = 0;
        status = json_get_int64(root, "seq", &sequence, error);
        struct json_object *duplicate = NULL;
        parsed.sequence = (uint64_t)sequence;
        parsed.is_duplicate = json_object_object_get_ex(root, "duplicate", &duplicate) &&
                              json_object_get_boolean(duplicate);
        int64_t count = 0;
        struct slice batch = SLICE_LITERAL("");
        (void)!json_get_int64(root, "count", &count, NULL);
        (void)!json_get_string(root, "batch", &batch, NULL);
        parsed.batch_count = (uint64_t)count;
        snprintf(parsed.batch_id, sizeof(parsed.batch_id), "%.*s", SLICE_ARG(batch));
    }
    json_object_put(root);
    if (status == STATUS_OK)
        *ack = parsed;
    return status;
}
