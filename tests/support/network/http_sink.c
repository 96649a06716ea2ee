#include "tests/support/network/http_sink.h"

#include "shared/base/memory.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_sink {
    int listener;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    int status;
    int retry_after_s;
    int count;
    bool keeps_all;
    struct buf head, body;
};

/* One request; false when it does not come whole. */
static bool take_request(struct http_sink *sink, FILE *stream) {
    static const char length_name[] = "Content-Length:";
    char line[1024];
    size_t length = 0;
    buf_clear(&sink->head);
    if (!sink->keeps_all)
        buf_clear(&sink->body);
    while (fgets(line, sizeof(line), stream) != NULL && strcmp(line, "\r\n") != 0) {
        buf_append_text(&sink->head, line);
        if (strncasecmp(line, length_name, sizeof(length_name) - 1) == 0)
            length = strtoul(line + sizeof(length_name) - 1, NULL, 10);
    }
    size_t read = 0;
    for (int c; read < length && (c = fgetc(stream)) != EOF; read++)
        buf_append_char(&sink->body, (char)c);
    if (sink->keeps_all)
        buf_append_char(&sink->body, '\n');
    return sink->head.len > 0 && read == length;
}

static void answer(const struct http_sink *sink, FILE *stream) {
    if (sink->status == 0)
        return;
    fprintf(stream, "HTTP/1.1 %d told\r\nContent-Length: 0\r\nConnection: close\r\n", sink->status);
    if (sink->retry_after_s > 0)
        fprintf(stream, "Retry-After: %d\r\n", sink->retry_after_s);
    fputs("\r\n", stream);
}

/* A client that gave up on us must not end the test. */
static void block_broken_pipes(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *sink_main(void *arg) {
    struct http_sink *sink = arg;
    block_broken_pipes();
    for (int fd; (fd = accept(sink->listener, NULL, NULL)) >= 0;) {
        FILE *stream = fdopen(fd, "r+");
        pthread_mutex_lock(&sink->lock);
        if (take_request(sink, stream)) {
            sink->count++;
            answer(sink, stream);
        }
        pthread_mutex_unlock(&sink->lock);
        fclose(stream);
    }
    return NULL;
}

struct http_sink *http_sink_start(void) {
    struct http_sink *sink = mem_alloc(sizeof(*sink));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(sink->listener, (struct sockaddr *)&address, len) != 0 ||
        listen(sink->listener, 64) != 0 ||
        getsockname(sink->listener, (struct sockaddr *)&address, &len) != 0)
        abort();
    snprintf(sink->url, sizeof(sink->url), "http://127.0.0.1:%d/told", ntohs(address.sin_port));
    sink->status = 200;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_create(&sink->thread, NULL, sink_main, sink);
    return sink;
}

void http_sink_stop(struct http_sink **sink) {
    struct http_sink *s = *sink;
    if (s == NULL)
        return;
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    pthread_mutex_destroy(&s->lock);
    buf_fini(&s->head);
    buf_fini(&s->body);
    free(s);
    *sink = NULL;
}

const char *http_sink_url(const struct http_sink *sink) {
    return sink->url;
}

void http_sink_set_status(struct http_sink *sink, int status) {
    pthread_mutex_lock(&sink->lock);
    sink->status = status;
    pthread_mutex_unlock(&sink->lock);
}

void http_sink_set_retry_after(struct http_sink *sink, int seconds) {
    pthread_mutex_lock(&sink->lock);
    sink->retry_after_s = seconds;
    pthread_mutex_unlock(&sink->lock);
}

void http_sink_keep_all(struct http_sink *sink) {
    pthread_mutex_lock(&sink->lock);
    sink->keeps_all = true;
    buf_clear(&sink->body);
    pthread_mutex_unlock(&sink->lock);
}

int http_sink_count(struct http_sink *sink) {
    pthread_mutex_lock(&sink->lock);
    int count = sink->count;
    pthread_mutex_unlock(&sink->lock);
    return count;
}

static struct buf copy(struct http_sink *sink, const struct buf *kept) {
    struct buf text = {0};
    pthread_mutex_lock(&sink->lock);
    buf_append_text(&text, "");
    buf_append_slice(&text, buf_slice(kept));
    pthread_mutex_unlock(&sink->lock);
    return text;
}

struct buf http_sink_head(struct http_sink *sink) {
    return copy(sink, &sink->head);
}

struct buf http_sink_body(struct http_sink *sink) {
    return copy(sink, &sink->body);
}
