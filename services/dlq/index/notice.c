#include "services/dlq/index/notice.h"

#include "shared/base/clock.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"

#include <limits.h>

#define NAME_MOST 255
#define SEQUENCE_DIGITS_MOST 19

/* --- names ------------------------------------------------------------------------------------ */

bool name_is_plain(struct slice name) {
    return name.len > 0 && name.len <= NAME_MOST && slice_has_only(name, "-_");
}

bool event_id_is_valid(struct slice id) {
    struct uuid uuid;
    uint64_t sequence;
    if (id.len == UUID_TEXT_LEN && uuid_parse(id, &uuid)) {
        char text[UUID_TEXT_SIZE];
        uuid_format(&uuid, text);
        return slice_is(id, text);
    }
    return slice_take_prefix(&id, "seq-") && id.len <= SEQUENCE_DIGITS_MOST &&
           slice_parse_uint(id, UINT64_MAX, &sequence);
}

static bool next_token(struct slice *subject, struct slice *token) {
    bool is_there = subject->ptr != NULL;
    if (is_there)
        *token = slice_take_until(subject, '.');
    return is_there;
}

bool subject_matches(struct slice filter, struct slice subject) {
    struct slice want, have;
    while (next_token(&filter, &want)) {
        if (!next_token(&subject, &have))
            return false;
        if (slice_is(want, ">"))
            return true;
        if (!slice_is(want, "*") && !slice_equal(want, have))
            return false;
    }
    return subject.ptr == NULL;
}

/* --- members ---------------------------------------------------------------------------------- */

/* "" where it is absent. */
static enum status get_text(struct json_object *root, const char *key, struct arena *arena,
                            struct slice *text, struct error *error) {
    struct slice borrowed = SLICE_LITERAL("");
    enum status status = json_get_string(root, key, &borrowed, error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *text = arena_slice(arena, borrowed);
    return STATUS_OK;
}

static enum status get_positive(struct json_object *root, const char *key, int64_t most,
                                int64_t *value, struct error *error) {
    int64_t number;
    enum status status = json_get_int64(root, key, &number, error);
    if (status != STATUS_OK)
        return STATUS_INVALID;
    if (number < 1 || number > most)
        return error_set(error, STATUS_INVALID, "%s is out of range", key);
    *value = number;
    return STATUS_OK;
}

static enum status get_time(struct json_object *root, const char *key, int64_t *time_us,
                            struct error *error) {
    struct slice text;
    if (json_get_string(root, key, &text, error) != STATUS_OK)
        return STATUS_INVALID;
    if (!clock_parse(text, time_us))
        return error_set(error, STATUS_INVALID, "%s is no time", key);
    return STATUS_OK;
}

/* --- reports ---------------------------------------------------------------------------------- */

static const char *const outcome_texts[] = {"RETRY", "REJECT", "DONE"};

const char *report_outcome_text(enum report_outcome outcome) {
    return outcome_texts[outcome];
}

static enum status get_outcome(struct json_object *root, enum report_outcome *outcome,
                               struct error *error) {
    struct slice text;
    if (json_get_string(root, "outcome", &text, error) != STATUS_OK)
        return STATUS_INVALID;
    for (size_t i = 0; i < sizeof(outcome_texts) / sizeof(outcome_texts[0]); i++) {
        if (!slice_is(text, outcome_texts[i]))
            continue;
        *outcome = (enum report_outcome)i;
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, "no outcome is \"%.*s\"", SLICE_ARG(text));
}

static enum status read_report(struct json_object *root, struct arena *arena, struct report *report,
                               struct error *error) {
    const struct {
        const char *key;
        struct slice *text;
    } texts[] = {
        {"stream", &report->stream},     {"consumer", &report->consumer},
        {"eventId", &report->event_id},  {"code", &report->code},
        {"text", &report->text},         {"service", &report->service},
        {"instance", &report->instance},
    };
    int64_t sequence = 0, attempt = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && status == STATUS_OK; i++)
        status = get_text(root, texts[i].key, arena, texts[i].text, error);
    if (status == STATUS_OK)
        status = get_positive(root, "streamSequence", INT64_MAX, &sequence, error);
    if (status == STATUS_OK)
        status = get_positive(root, "attempt", INT_MAX, &attempt, error);
    if (status == STATUS_OK)
        status = get_time(root, "time", &report->time_us, error);
    if (status == STATUS_OK)
        status = get_outcome(root, &report->outcome, error);
    report->sequence = (uint64_t)sequence;
    report->attempt = (int)attempt;
    return status;
}

enum status report_read(struct slice body, struct arena *arena, struct report *report,
                        struct error *error) {
    struct json_object *root = NULL;
    struct report read = {0};
    enum status status = json_parse(body, &root, error);
    if (status != STATUS_OK)
        return status;
    status = read_report(root, arena, &read, error);
    json_object_put(root);
    bool can_name = name_is_plain(read.stream) && name_is_plain(read.consumer) &&
                    event_id_is_valid(read.event_id);
    if (status == STATUS_OK && !can_name)
        status = error_set(error, STATUS_INVALID, "a report about what can have no name");
    if (status != STATUS_OK)
        return status;
    read.json = arena_slice(arena, body);
    *report = read;
    return STATUS_OK;
}

enum status report_parse(struct slice subject, struct slice body, struct arena *arena,
                         struct report *report, struct error *error) {
    struct report read;
    struct buf expected = {0};
    enum status status = report_read(body, arena, &read, error);
    if (status != STATUS_OK)
        return status;
    buf_printf(&expected, "failures.%.*s.%.*s.%.*s", SLICE_ARG(read.stream),
               SLICE_ARG(read.consumer), SLICE_ARG(read.event_id));
    bool agrees = slice_equal(subject, buf_slice(&expected));
    buf_fini(&expected);
    if (!agrees)
        return error_set(error, STATUS_INVALID, "a report's subject and body do not agree");
    *report = read;
    return STATUS_OK;
}

/* --- advisories ------------------------------------------------------------------------------- */

struct advisory_kind {
    const char *token;
    const char *type;
    enum notice_kind kind;
};

static const struct advisory_kind advisory_kinds[] = {
    {"MAX_DELIVERIES", "io.nats.jetstream.advisory.v1.max_deliver", NOTICE_MAX_DELIVERIES},
    {"MSG_TERMINATED", "io.nats.jetstream.advisory.v1.terminated", NOTICE_TERMINATED},
};

/* $JS.EVENT.ADVISORY.CONSUMER.<kind>.<stream>.<consumer> */
static bool parse_advisory_subject(struct slice subject, const struct advisory_kind **kind,
                                   struct notice *notice) {
    struct slice token;
    *kind = NULL;
    if (!slice_take_prefix(&subject, "$JS.EVENT.ADVISORY.CONSUMER.") ||
        !next_token(&subject, &token))
        return false;
    for (size_t i = 0; i < sizeof(advisory_kinds) / sizeof(advisory_kinds[0]); i++) {
        if (slice_is(token, advisory_kinds[i].token))
            *kind = &advisory_kinds[i];
    }
    return *kind != NULL && next_token(&subject, &notice->stream) &&
           next_token(&subject, &notice->consumer) && subject.ptr == NULL &&
           name_is_plain(notice->stream) && name_is_plain(notice->consumer);
}

static enum status check_member(struct json_object *root, const char *key, struct slice expected,
                                struct error *error) {
    struct slice text;
    if (json_get_string(root, key, &text, error) != STATUS_OK)
        return STATUS_INVALID;
    if (!slice_equal(text, expected))
        return error_set(error, STATUS_INVALID, "an advisory's subject and %s do not agree", key);
    return STATUS_OK;
}

static enum status read_advisory(struct json_object *root, const struct advisory_kind *kind,
                                 struct notice *notice, struct error *error) {
    int64_t sequence = 0, deliveries = 0;
    enum status status = check_member(root, "type", slice_of(kind->type), error);
    if (status == STATUS_OK)
        status = check_member(root, "stream", notice->stream, error);
    if (status == STATUS_OK)
        status = check_member(root, "consumer", notice->consumer, error);
    if (status == STATUS_OK)
        status = get_positive(root, "stream_seq", INT64_MAX, &sequence, error);
    if (status == STATUS_OK)
        status = get_positive(root, "deliveries", INT_MAX, &deliveries, error);
    if (status == STATUS_OK)
        status = get_time(root, "timestamp", &notice->time_us, error);
    notice->sequence = (uint64_t)sequence;
    notice->deliveries = (int)deliveries;
    notice->kind = kind->kind;
    return status;
}

enum status notice_parse_advisory(struct slice subject, struct slice body, struct arena *arena,
                                  struct notice *notice, struct error *error) {
    const struct advisory_kind *kind;
    struct json_object *root = NULL;
    struct notice parsed = {0};
    if (!parse_advisory_subject(arena_slice(arena, subject), &kind, &parsed))
        return error_set(error, STATUS_INVALID, "no advisory has subject %.*s", SLICE_ARG(subject));
    enum status status = json_parse(body, &root, error);
    if (status != STATUS_OK)
        return status;
    status = read_advisory(root, kind, &parsed, error);
    json_object_put(root);
    if (status == STATUS_OK)
        *notice = parsed;
    return status;
}
