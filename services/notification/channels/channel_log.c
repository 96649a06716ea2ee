#include "services/notification/channels/channel_log.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/contact.h"
#include "shared/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct channel_log {
    struct channel channel; /* first */
    int fd;
};

static void write_line(struct buf *lines, struct buf *masked, const struct notice *notice,
                       const char *at) {
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&notice->order_id, order_id);
    struct json_writer w = json_writer(lines);
    json_begin_object(&w);
    json_put_text(&w, "at", at);
    json_put_text(&w, "orderId", order_id);
    json_put_text(&w, "kind", notice_kind_name(notice->kind));
    if (email_is_usable(notice->email)) {
        buf_clear(masked);
        email_mask(notice->email, masked);
        json_put_string(&w, "to", buf_slice(masked));
    }
    if (notice->reason.len > 0)
        json_put_string(&w, "reason", notice->reason);
    if (notice->tracking_number.len > 0)
        json_put_string(&w, "trackingNumber", notice->tracking_number);
    json_end_object(&w);
    buf_append_char(lines, '\n');
}

/* Lines of several processes do not mix: O_APPEND, and one write for all. Returns errno. */
static int append(int fd, struct slice lines) {
    while (lines.len > 0) {
        ssize_t written = write(fd, lines.ptr, lines.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        lines.ptr += written;
        lines.len -= (size_t)written;
    }
    return 0;
}

/* A full disk is no outage to wait for: the order's other notices are not to wait either. */
static enum status log_send(struct channel *channel, struct notice *const *notices, size_t count,
                            struct error *error) {
    struct buf lines = {0};
    struct buf masked = {0};
    char at[RFC3339_SIZE];
    (void)error;
    clock_format(clock_now_us(), at);
    for (size_t i = 0; i < count; i++)
        write_line(&lines, &masked, notices[i], at);
    int failure = append(((struct channel_log *)channel)->fd, buf_slice(&lines));
    for (size_t i = 0; i < count; i++) {
        notices[i]->result = NOTICE_SENT;
        if (failure != 0)
            notice_fail(notices[i], NOTICE_FAILED, "%s", strerror(failure));
    }
    buf_fini(&masked);
    buf_fini(&lines);
    return STATUS_OK;
}

static void log_destroy(struct channel *channel) {
    struct channel_log *log = (struct channel_log *)channel;
    close(log->fd);
    free(log);
}

enum status channel_log_create(const char *path, struct channel **channel, struct error *error) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_set(error, STATUS_INVALID, "%s: %s", path, strerror(errno));
    struct channel_log *log = mem_alloc(sizeof(*log));
    log->channel.id = NOTIFY_LOG;
    log->channel.send = log_send;
    log->channel.destroy = log_destroy;
    log->fd = fd;
    *channel = &log->channel;
    return STATUS_OK;
}
