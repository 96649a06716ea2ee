#include "services/dlq/index/notice.h"

#include "shared/base/clock.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/nats/subject.h"

#include <limits.h>

#define NAME_MOST 255
#define SEQUENCE_DIGITS_MOST 19
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* --- names ------------------------------------------------------------------------------------ */

/* A stream's or consumer's name that can stand in a subject. */
static bool name_is_plain(struct slice name) {
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

/* --- members ---------------------------------------------------------------------------------- */

/* A member and its place: a text, "" where it is absent; a number from 1 to `most`; or a time. */
struct member {
    const char *key;
    struct slice *text;
    int64_t *number, most;
    int64_t *time_us;
};

static enum status read_member(struct json_object *root, const struct member *member,
                               struct arena *arena, struct error *error) {
    struct slice text = SLICE_LITERAL("");
    int64_t number = 1;
    enum status status = member->number != NULL ? json_get_int64(root, member->key, &number, error)
                                                : json_get_string(root, member->key, &text, error);
    if (status == STATUS_NOT_FOUND && member->text != NULL)
        status = STATUS_OK;
    if (status != STATUS_OK)
        return STATUS_INVALID;
    if (member->number != NULL && (number < 1 || number > member->most))
        return error_set(error, STATUS_INVALID, "%s is out of range", member->key);
    if (member->time_us != NULL && !clock_parse(text, member->time_us))
        return error_set(error, STATUS_INVALID, "%s is no time", member->key);
    if (member->number != NULL)
        *member->number = number;
    if (member->text != NULL)
        *member->text = arena_slice(arena, text);
    return STATUS_OK;
}

static enum status read_members(struct slice body, const struct member *members, size_t count,
                                struct arena *arena, struct error *error) {
    struct json_object *root = NULL;
    enum status status = json_parse(body, &root, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = read_member(root, &members[i], arena, error);
    json_object_put(root);
    return status;
}

/* --- reports ---------------------------------------------------------------------------------- */

static const char *const outcome_texts[] = {"RETRY", "REJECT", "DONE"};

enum status report_read(struct slice body, struct arena *arena, struct report *report,
                        struct error *error) {
    struct report read = {0};
    struct slice outcome;
    int64_t sequence = 0, attempt = 0;
    const struct member members[] = {
        {"stream", .text = &read.stream},
        {"consumer", .text = &read.consumer},
        {"eventId", .text = &read.event_id},
        {"code", .text = &read.code},
        {"text", .text = &read.text},
        {"service", .text = &read.service},
        {"instance", .text = &read.instance},
        {"outcome", .text = &outcome},
        {"streamSequence", .number = &sequence, .most = INT64_MAX},
        {"attempt", .number = &attempt, .most = INT_MAX},
        {"time", .time_us = &read.time_us},
    };
    enum status status = read_members(body, members, COUNT(members), arena, error);
    if (status != STATUS_OK)
        return status;
    int at = slice_index(outcome, outcome_texts, COUNT(outcome_texts));
    if (at < 0)
        return error_set(error, STATUS_INVALID, "no outcome is \"%.*s\"", SLICE_ARG(outcome));
    if (!name_is_plain(read.stream) || !name_is_plain(read.consumer) ||
        !event_id_is_valid(read.event_id))
        return error_set(error, STATUS_INVALID, "a report about what can have no name");
    read.outcome = (enum report_outcome)at;
    read.sequence = (uint64_t)sequence;
    read.attempt = (int)attempt;
    read.json = arena_slice(arena, body);
    *report = read;
    return STATUS_OK;
}

/* failures.<stream>.<consumer>.seq-<sequence>.<attempt> */
bool report_is_mark(struct slice subject) {
    int dots = 0;
    for (size_t i = 0; i < subject.len; i++)
        dots += subject.ptr[i] == '.';
    return dots == 4;
}

enum status report_parse(struct slice subject, struct slice body, struct arena *arena,
                         struct report *report, struct error *error) {
    struct report read;
    struct slice rest = subject;
    enum status status = report_read(body, arena, &read, error);
    if (status != STATUS_OK)
        return status;
    if (!slice_take_prefix(&rest, "failures.") ||
        !slice_equal(slice_take_until(&rest, '.'), read.stream) ||
        !slice_equal(slice_take_until(&rest, '.'), read.consumer) ||
        !slice_equal(rest, read.event_id))
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
static const struct advisory_kind *parse_advisory_subject(struct slice subject,
                                                          struct notice *notice) {
    struct slice token;
    size_t at = 0;
    if (!slice_take_prefix(&subject, "$JS.EVENT.ADVISORY.CONSUMER.") ||
        !subject_next_token(&subject, &token) || !subject_next_token(&subject, &notice->stream) ||
        !subject_next_token(&subject, &notice->consumer) || subject.ptr != NULL ||
        !name_is_plain(notice->stream) || !name_is_plain(notice->consumer))
        return NULL;
    while (at < COUNT(advisory_kinds) && !slice_is(token, advisory_kinds[at].token))
        at++;
    return at < COUNT(advisory_kinds) ? &advisory_kinds[at] : NULL;
}

enum status notice_parse_advisory(struct slice subject, struct slice body, struct arena *arena,
                                  struct notice *notice, struct error *error) {
    struct notice parsed = {0};
    struct slice type, stream, consumer;
    int64_t sequence = 0, deliveries = 0;
    const struct member members[] = {
        {"type", .text = &type},
        {"stream", .text = &stream},
        {"consumer", .text = &consumer},
        {"stream_seq", .number = &sequence, .most = INT64_MAX},
        {"deliveries", .number = &deliveries, .most = INT_MAX},
        {"timestamp", .time_us = &parsed.time_us},
    };
    const struct advisory_kind *kind = parse_advisory_subject(arena_slice(arena, subject), &parsed);
    if (kind == NULL)
        return error_set(error, STATUS_INVALID, "no advisory has subject %.*s", SLICE_ARG(subject));
    enum status status = read_members(body, members, COUNT(members), arena, error);
    if (status != STATUS_OK)
        return status;
    if (!slice_is(type, kind->type) || !slice_equal(stream, parsed.stream) ||
        !slice_equal(consumer, parsed.consumer))
        return error_set(error, STATUS_INVALID, "an advisory's subject and body do not agree");
    parsed.sequence = (uint64_t)sequence;
    parsed.deliveries = (int)deliveries;
    parsed.kind = kind->kind;
    *notice = parsed;
    return STATUS_OK;
}
