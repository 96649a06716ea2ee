#include "services/notification/channels/mail.h"

#include "shared/base/utf8.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#define SUBJECT "Subject: "
enum {
    SUBJECT_LEN = sizeof(SUBJECT) - 1,
    LINE_MOST = 76,         /* RFC 2045 section 6.7 */
    ENCODED_WORD_BYTES = 45 /* 60 digits of base64: with their frame below RFC 2047's 75 */
};

enum status mail_check_text(struct slice text, struct error *error) {
    struct slice subject = slice_take_line(&text);
    if (!slice_take_prefix(&subject, SUBJECT) || subject.len == 0)
        return error_set(error, STATUS_INVALID, "the first line is no \"Subject: ...\"");
    for (size_t i = 0; i < subject.len; i++) {
        if ((unsigned char)subject.ptr[i] < ' ')
            return error_set(error, STATUS_INVALID, "the subject has a control character");
    }
    if (slice_take_line(&text).len > 0 || text.len == 0)
        return error_set(error, STATUS_INVALID, "no empty line and body behind the subject");
    return STATUS_OK;
}

static bool is_ascii(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x7f)
            return false;
    }
    return true;
}

/* RFC 2047: encoded words, each of whole characters. */
static void write_encoded(struct buf *out, struct slice text) {
    while (text.len > 0) {
        char word[sodium_base64_ENCODED_LEN(ENCODED_WORD_BYTES, sodium_base64_VARIANT_ORIGINAL)];
        size_t len = 0, next;
        while (len < text.len &&
               (next = utf8_sequence((struct slice){text.ptr + len, text.len - len})) > 0 &&
               len + next <= ENCODED_WORD_BYTES)
            len += next;
        if (len == 0)
            return; /* not UTF-8, which no template and no value is */
        sodium_bin2base64(word, sizeof(word), (const unsigned char *)text.ptr, len,
                          sodium_base64_VARIANT_ORIGINAL);
        text.ptr += len;
        text.len -= len;
        buf_printf(out, "=?utf-8?B?%s?=%s", word, text.len > 0 ? "\r\n " : "");
    }
}

static void write_date(struct buf *out, int64_t now_us) {
    time_t now = (time_t)(now_us / 1000000);
    struct tm utc;
    char text[48];
    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &utc);
    buf_printf(out, "Date: %s\r\n", text);
}

static void write_headers(struct buf *out, const struct notice *notice, struct slice subject,
                          const char *from, int64_t now_us) {
    char id[NOTICE_ID_SIZE];
    notice_id(notice, id);
    buf_printf(out, "From: <%s>\r\nTo: <%.*s>\r\n" SUBJECT, from, SLICE_ARG(notice->email));
    if (is_ascii(subject))
        buf_append_slice(out, subject);
    else
        write_encoded(out, subject);
    buf_append_text(out, "\r\n");
    write_date(out, now_us);
    buf_printf(out, "Message-ID: <%s@ordermesh>\r\n", id);
    buf_append_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
}

/* One line of the body as quoted-printable (RFC 2045 section 6.7). */
static void write_line(struct buf *out, struct slice line) {
    size_t column = 0;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        bool is_last = i + 1 == line.len;
        bool is_plain = (c > ' ' && c < 0x7f && c != '=') || (c == ' ' && !is_last);
        size_t width = is_plain ? 1 : 3;
        if (column + width > LINE_MOST - 1) {
            buf_append_text(out, "=\r\n");
            column = 0;
        }
        if (is_plain)
            buf_append_char(out, line.ptr[i]);
        else
            buf_printf(out, "=%02X", c);
        column += width;
    }
    buf_append_text(out, "\r\n");
}

void mail_write(struct buf *out, const struct notice *notice, struct slice text, const char *from,
                int64_t now_us) {
    struct slice subject = slice_take_line(&text);
    slice_take_prefix(&subject, SUBJECT);
    slice_take_line(&text);
    write_headers(out, notice, subject, from, now_us);
    while (text.len > 0)
        write_line(out, slice_take_line(&text));
}
