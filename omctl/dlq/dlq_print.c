#include "omctl/dlq/dlq_print.h"

#include "shared/crypto/uuid.h"

#include <json-c/linkhash.h>

/* --- values ----------------------------------------------------------------------------------- */

static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : slice_of(NULL);
}

static long long int_of(struct json_object *object, const char *key) {
    int64_t value = 0;
    (void)!json_get_int64(object, key, &value, NULL);
    return value;
}

/* `keeps_lines`: line feeds stay, for a body. */
static void print_text(struct slice text, bool keeps_lines, FILE *out) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_control = c < 0x20 || c == 0x7f;
        fputc(is_control && !(keeps_lines && c == '\n') ? '?' : c, out);
    }
}

void dlq_print_text(struct slice text, FILE *out) {
    print_text(text, false, out);
}

static void print_column(struct slice text, int width, FILE *out) {
    print_text(text, false, out);
    fprintf(out, "%*s", (int)text.len < width ? width - (int)text.len + 1 : 1, "");
}

/* Seconds are enough in a row. */
static struct slice time_of(struct json_object *object, const char *key) {
    struct slice text = text_of(object, key);
    if (text.len > 19)
        text.len = 19;
    return text;
}

void dlq_print_json(struct json_object *value, FILE *out) {
    fprintf(out, "%s\n",
            json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* --- rows ------------------------------------------------------------------------------------- */

enum { TIME_WIDTH = 19, STATUS_WIDTH = 9, REASON_WIDTH = 14, ID_WIDTH = 56 };

void dlq_print_heading(FILE *out) {
    fprintf(out, "%-*s %-*s %-*s %s %-*s %s\n", TIME_WIDTH, "FAILED (UTC)", STATUS_WIDTH, "STATUS",
            REASON_WIDTH, "REASON", "GEN", ID_WIDTH, "ID", "ERROR");
}

void dlq_print_entry(struct json_object *entry, FILE *out) {
    struct slice code = text_of(entry, "errorCode");
    print_column(time_of(entry, "failedAt"), TIME_WIDTH, out);
    print_column(text_of(entry, "status"), STATUS_WIDTH, out);
    print_column(text_of(entry, "reason"), REASON_WIDTH, out);
    fprintf(out, "%3lld ", int_of(entry, "generation"));
    print_column(text_of(entry, "id"), ID_WIDTH, out);
    print_text(code, false, out);
    fputs(code.len > 0 ? ": " : "", out);
    print_text(text_of(entry, "error"), false, out);
    fputc('\n', out);
}

void dlq_print_progress(struct json_object *job, FILE *out) {
    if (slice_is(text_of(job, "action"), "discard"))
        fprintf(out, "%lld of %lld discarded, %lld skipped", int_of(job, "discarded"),
                int_of(job, "total"), int_of(job, "skipped"));
    else
        fprintf(out,
                "%lld of %lld replayed, %lld resolved, %lld dead again, %lld skipped, %lld failed",
                int_of(job, "replayed"), int_of(job, "total"), int_of(job, "resolved"),
                int_of(job, "deadAgain"), int_of(job, "skipped"), int_of(job, "failed"));
}

void dlq_print_job(struct json_object *job, FILE *out) {
    print_column(time_of(job, "startedAt"), TIME_WIDTH, out);
    print_column(text_of(job, "state"), STATUS_WIDTH, out);
    print_column(text_of(job, "id"), UUID_TEXT_LEN, out);
    dlq_print_progress(job, out);
    fprintf(out, ", %lld/s, by ", int_of(job, "ratePerSecond"));
    print_text(text_of(job, "actor"), false, out);
    fputc('\n', out);
}

void dlq_print_matching(struct json_object *reply, const char *done, FILE *out) {
    fprintf(out, "%lld would be %s\n", int_of(reply, "matching"), done);
}

/* --- one entry -------------------------------------------------------------------------------- */

static void print_members(struct json_object *entry, FILE *out) {
    static const char *const keys[] = {
        "id",      "status",     "reason",        "errorCode", "error",    "stream",
        "subject", "sequence",   "consumer",      "service",   "eventId",  "type",
        "orderId", "deliveries", "firstFailedAt", "failedAt",  "updatedAt"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct json_object *value;
        if (!json_object_object_get_ex(entry, keys[i], &value))
            continue;
        fprintf(out, "%-14s ", keys[i]);
        print_text(slice_of(json_object_get_string(value)), false, out);
        fputc('\n', out);
    }
    fprintf(out, "%-14s %.*s/%lld, generation %lld\n", "entry",
            SLICE_ARG(text_of(entry, "dlqStream")), int_of(entry, "dlqSequence"),
            int_of(entry, "generation"));
}

static void print_headers(struct json_object *object, const char *title, FILE *out) {
    struct json_object *headers;
    if (json_get_object(object, "headers", &headers, NULL) != STATUS_OK ||
        json_object_object_length(headers) == 0)
        return;
    fputs(title, out);
    json_object_object_foreach(headers, name, values) {
        for (size_t i = 0; i < json_object_array_length(values); i++) {
            fputs("  ", out);
            print_text(slice_of(name), false, out);
            fputs(": ", out);
            print_text(slice_of(json_object_get_string(json_object_array_get_idx(values, i))),
                       false, out);
            fputc('\n', out);
        }
        if (json_object_array_length(values) == 0)
            fprintf(out, "  no %s\n", name);
    }
}

/* What was replayed instead of the original. */
static void print_edits(struct json_object *entry, FILE *out) {
    struct json_object *edits;
    if (json_get_array(entry, "edits", &edits, NULL) != STATUS_OK)
        return;
    for (size_t i = json_object_array_length(edits); i-- > 0;) { /* the newest is first in it */
        struct json_object *edit = json_object_array_get_idx(edits, i);
        struct slice body = text_of(edit, "body");
        fprintf(out, "\nedited %.*s, generation %lld, by ", SLICE_ARG(time_of(edit, "at")),
                int_of(edit, "generation"));
        print_text(text_of(edit, "actor"), false, out);
        fputs(": ", out);
        print_text(text_of(edit, "reason"), false, out);
        print_headers(edit, "\n", out);
        fputs(body.len > 0 ? "\n" : "", out);
        print_text(body, true, out);
        fputc('\n', out);
    }
}

static void print_body(struct json_object *entry, FILE *out) {
    struct slice text;
    if (!json_object_object_get_ex(entry, "bodyBytes", NULL)) {
        fputs("\nthe stream no longer holds the message\n", out);
        return;
    }
    fprintf(out, "\nbody, %lld bytes\n", int_of(entry, "bodyBytes"));
    if (json_get_string(entry, "body", &text, NULL) == STATUS_OK)
        print_text(text, true, out);
    else
        fputs("(no text, or a long one; --json has it in base64)", out);
    fputc('\n', out);
}

/* What failed first, where an edit has taken its place. */
static void print_original(struct json_object *entry, FILE *out) {
    struct json_object *original;
    if (json_get_object(entry, "original", &original, NULL) != STATUS_OK)
        return;
    fputs("\noriginal, before it was edited\n", out);
    print_headers(original, "\nheaders\n", out);
    print_body(original, out);
}

static void print_history(struct json_object *entry, FILE *out) {
    static const char *const keys[] = {"reason", "error", "detail"};
    struct json_object *history;
    if (json_get_array(entry, "history", &history, NULL) != STATUS_OK)
        return;
    fputs("\nhistory\n", out);
    for (size_t i = 0; i < json_object_array_length(history); i++) {
        struct json_object *step = json_object_array_get_idx(history, i);
        struct slice actor = text_of(step, "actor");
        fprintf(out, "  %.*s generation %lld ", SLICE_ARG(time_of(step, "at")),
                int_of(step, "generation"));
        print_text(text_of(step, "event"), false, out);
        fputs(actor.len > 0 ? " by " : "", out);
        print_text(actor, false, out);
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            struct slice text = text_of(step, keys[k]);
            fputs(text.len > 0 ? ", " : "", out);
            print_text(text, false, out);
        }
        fputc('\n', out);
    }
}

void dlq_print_details(struct json_object *entry, FILE *out) {
    print_members(entry, out);
    print_headers(entry, "\nheaders\n", out);
    print_body(entry, out);
    print_edits(entry, out);
    print_original(entry, out);
    print_history(entry, out);
}
