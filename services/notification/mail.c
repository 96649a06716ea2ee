#include "services/notification/mail.h"

#include <time.h>

static void write_date(struct buf *out, int64_t now_us) {
    time_t now = (time_t)(now_us / 1000000);
    struct tm utc;
    char text[48];
    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &utc);
    buf_printf(out, "Date: %s\r\n", text);
}

void mail_write(struct buf *out, const struct notice *notice, const char *from, int64_t now_us) {
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&notice->order_id, order_id);
    const char *text = notice_kind_text(notice->kind);
    buf_printf(out, "From: <%s>\r\nTo: <%.*s>\r\n", from, SLICE_ARG(notice->email));
    buf_printf(out, "Subject: Your order %s\r\n", text);
    write_date(out, now_us);
    buf_printf(out, "Message-ID: <%s.%s@ordermesh>\r\n", order_id, notice_kind_name(notice->kind));
    buf_append_text(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
    buf_printf(out, "Your order %s %s.\r\n", order_id, text);
    if (notice->reason.len > 0)
        buf_printf(out, "Reason: %.*s\r\n", SLICE_ARG(notice->reason));
    if (notice->tracking_number.len > 0)
        buf_printf(out, "Tracking number: %.*s\r\n", SLICE_ARG(notice->tracking_number));
}
