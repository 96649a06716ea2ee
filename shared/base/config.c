#include "shared/base/config.h"

#include "shared/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MOST_BYTES = 64 * 1024 };

#define ROW_TEXT(variable, member, default_text, words)                                            \
    {                                                                                              \
        .name = (variable), .kind = CONFIG_TEXT, .offset = offsetof(struct config, member),        \
        .fallback = (default_text), .help = (words)                                                \
    }
#define ROW_INT(variable, member, default_text, from, to, words)                                   \
    {                                                                                              \
        .name = (variable), .kind = CONFIG_INT, .offset = offsetof(struct config, member),         \
        .fallback = (default_text), .least = (from), .most = (to), .help = (words)                 \
    }

const struct config_row config_common_rows[] = {
    ROW_TEXT("OM_NATS_URL", nats_url, NULL,
             "NATS servers, nats://host:port or tls://host:port, comma separated"),
    ROW_TEXT("OM_NATS_USER", nats_user, "", "NATS user; empty connects without one"),
    ROW_TEXT("OM_NATS_PASSWORD_FILE", nats_password_file, "", "file with the NATS password"),
    ROW_TEXT("OM_NATS_TLS_CA_FILE", nats_tls_ca_file, "",
             "certificates of the authorities that NATS servers are trusted by; turns TLS on"),
    ROW_TEXT("OM_NATS_TLS_CERT_FILE", nats_tls_cert_file, "",
             "certificate shown to NATS servers that ask for one (mutual TLS)"),
    ROW_TEXT("OM_NATS_TLS_KEY_FILE", nats_tls_key_file, "", "that certificate's key"),
    {.name = "OM_DATABASE_URL",
     .kind = CONFIG_SECRET,
     .offset = offsetof(struct config, database_url),
     .fallback = "",
     .help = "services only: PostgreSQL connection string of the service's role"},
    {.name = "OM_DATABASE_READ_URL",
     .kind = CONFIG_SECRET,
     .offset = offsetof(struct config, database_read_url),
     .fallback = "",
     .help = "services only: the same of a hot standby, which lists and reports are read from; "
             "empty: from OM_DATABASE_URL"},
    {.name = "OM_REDIS_URL",
     .kind = CONFIG_SECRET,
     .offset = offsetof(struct config, redis_url),
     .fallback = "",
     .help = "gateway only: redis://[[user]:password@]host:port[/database]"},
    ROW_TEXT("OM_INSTANCE", instance, "", "name in logs; empty means host name and process id"),
    ROW_TEXT("OM_LOG_LEVEL", log_level, "info", "least level logged: debug, info, warn or error"),
    ROW_TEXT("OM_OTLP_URL", otlp_url, "",
             "OpenTelemetry collector for spans (OTLP over HTTP), such as http://127.0.0.1:4318; "
             "empty: none"),
    {.name = "OM_ADMIN_ADDRESS",
     .kind = CONFIG_ADDRESS,
     .offset = offsetof(struct config, admin_address),
     .fallback = "127.0.0.1",
     .help = "address of the admin port: healthz, readyz, metrics"},
    ROW_INT("OM_ADMIN_PORT", admin_port, "0", 0, 65535, "admin port; 0 takes a free one"),
    ROW_TEXT("OM_ADMIN_PORT_FILE", admin_port_file, "",
             "file the admin port taken is written to; empty writes none"),
    ROW_TEXT("OM_PII_KEY_FILE", pii_key_file, "",
             "file with the key of personal data, 64 hex digits"),
    ROW_TEXT("OM_PII_OLD_KEY_FILE", pii_old_key_file, "",
             "file with the previous key, which still opens"),
    ROW_TEXT("OM_NOTIFY_OFFERED", notify_offered, "log",
             "gateway and notification: the channels that an order may choose, such as log,smtp"),
    ROW_INT("OM_BATCH_MAX", batch_max, "256", 1, 1024, "events in one consumer batch, at most"),
    ROW_INT(
        "OM_EARLY_LIMIT_S", early_limit_s, "900", 1, 604800,
        "seconds that an event waits for what it follows, such as its order, before it is a dead "
        "letter"),
    ROW_INT("OM_RELAY_BATCH_MAX", relay_batch_max, "512", 1, 10000,
            "outbox rows the relay reads at once, at most"),
    ROW_INT("OM_RELAY_POLL_MS", relay_poll_ms, "100", 1, 60000,
            "milliseconds between the relay's looks for other instances' rows"),
    ROW_INT("OM_DRAIN_MS", drain_ms, "10000", 0, 600000,
            "milliseconds a process has to end its work when told to stop"),
};

const size_t config_common_count = sizeof(config_common_rows) / sizeof(config_common_rows[0]);

static bool parse_int(const char *text, int64_t least, int64_t most, int64_t *value) {
    struct slice digits = slice_of(text);
    bool is_negative = slice_take_prefix(&digits, "-");
    uint64_t size;
    if (!slice_parse_uint(digits, INT64_MAX, &size))
        return false;
    int64_t number = is_negative ? -(int64_t)size : (int64_t)size;
    if (number < least || number > most)
        return false;
    *value = number;
    return true;
}

static bool parse_bool(const char *text, bool *value) {
    bool is_true = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!is_true && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return false;
    *value = is_true;
    return true;
}

static bool load_int(const struct config_row *row, const char *text, void *member) {
    if (parse_int(text, row->least, row->most, member))
        return true;
    fprintf(stderr, "%s: must be an integer from %lld to %lld, is \"%s\"\n", row->name,
            (long long)row->least, (long long)row->most, text);
    return false;
}

static bool load_bool(const struct config_row *row, const char *text, void *member) {
    if (parse_bool(text, member))
        return true;
    fprintf(stderr, "%s: must be true or false, is \"%s\"\n", row->name, text);
    return false;
}

/* Lives as long as the process. */
static const char *without_brackets(const char *text) {
    size_t len = strlen(text);
    if (len < 2 || text[0] != '[' || text[len - 1] != ']')
        return text;
    return mem_copy((struct slice){text + 1, len - 2});
}

static bool load_row(const struct config_row *row, void *target) {
    void *member = (char *)target + row->offset;
    const char *text = getenv(row->name);
    if (text == NULL || text[0] == '\0')
        text = row->fallback;
    if (text == NULL) {
        fprintf(stderr, "%s: required: %s\n", row->name, row->help);
        return false;
    }
    switch (row->kind) {
    case CONFIG_INT:
        return load_int(row, text, member);
    case CONFIG_BOOL:
        return load_bool(row, text, member);
    case CONFIG_ADDRESS:
        *(const char **)member = without_brackets(text);
        return true;
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        *(const char **)member = text;
        return true;
    }
    return false;
}

enum status config_load(const struct config_row *rows, size_t count, void *target,
                        struct error *error) {
    size_t wrong = 0;
    const char *first_wrong = NULL;
    for (size_t i = 0; i < count; i++) {
        if (load_row(&rows[i], target))
            continue;
        if (wrong++ == 0)
            first_wrong = rows[i].name;
    }
    if (wrong > 0)
        return error_set(error, STATUS_INVALID, "configuration: %zu wrong, first %s", wrong,
                         first_wrong);
    return STATUS_OK;
}

static const char *default_words(const struct config_row *row) {
    if (row->fallback == NULL)
        return "required";
    if (row->fallback[0] == '\0')
        return "(empty)";
    return row->kind == CONFIG_SECRET ? "(secret)" : row->fallback;
}

void config_print_help(const struct config_row *rows, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-26s %-16s %s\n", rows[i].name, default_words(&rows[i]), rows[i].help);
}

static size_t without_newline(const char *content, size_t len) {
    if (len > 0 && content[len - 1] == '\n')
        len--;
    if (len > 0 && content[len - 1] == '\r')
        len--;
    return len;
}

/* Bytes read, or -1 with errno; EFBIG when there is more than `capacity`. */
static ssize_t read_whole(int fd, char *content, size_t capacity) {
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, content + len, capacity - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)len;
        len += (size_t)got;
        if (len == capacity) {
            errno = EFBIG;
            return -1;
        }
    }
}

enum status config_read_file(const char *path, char **content, size_t *length,
                             struct error *error) {
    enum status status = STATUS_OK;
    char *read_content = mem_alloc(FILE_MOST_BYTES + 1);
    ssize_t len = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        len = read_whole(fd, read_content, FILE_MOST_BYTES);
    if (len < 0) {
        status = error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_INVALID, "%s: %s",
                           path, strerror(errno));
        goto out;
    }
    *length = without_newline(read_content, (size_t)len);
    read_content[*length] = '\0';
    *content = read_content;
    read_content = NULL;
out:
    if (fd >= 0)
        close(fd);
    free(read_content);
    return status;
}
