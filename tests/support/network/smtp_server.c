#include "tests/support/network/smtp_server.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct smtp_server {
    int listener;
    char url[64];
    pthread_t thread;
    atomic_int reply, delay_ms, connections;
    atomic_bool drops;
    pthread_mutex_t lock; /* guards the rest */
    int open_fd;          /* the connection being served, or -1 */
    int count;
    struct buf mails;
};

static void say(FILE *stream, const char *line) {
    fprintf(stream, "%s\r\n", line);
    fflush(stream);
}

static bool take_mail(struct smtp_server *server, FILE *stream) {
    char line[1024];
    say(stream, "354 go on");
    while (fgets(line, sizeof(line), stream) != NULL) {
        bool is_end = strcmp(line, ".\r\n") == 0;
        pthread_mutex_lock(&server->lock);
        if (is_end)
            server->count++;
        else
            buf_append_text(&server->mails, line);
        pthread_mutex_unlock(&server->lock);
        if (is_end && atomic_exchange(&server->drops, false))
            return false;
        if (is_end) {
            say(stream, "250 taken");
            return true;
        }
    }
    return false;
}

static bool answer_rcpt(struct smtp_server *server, FILE *stream) {
    int code = atomic_load(&server->reply);
    clock_sleep_ms(atomic_load(&server->delay_ms));
    fprintf(stream, "%d as told\r\n", code);
    fflush(stream);
    return code != 421;
}

/* One session, until either side ends it. */
static void serve(struct smtp_server *server, FILE *stream) {
    char line[1024];
    bool goes_on = true;
    say(stream, "220 test");
    while (goes_on && fgets(line, sizeof(line), stream) != NULL) {
        if (strncasecmp(line, "EHLO", 4) == 0 || strncasecmp(line, "HELO", 4) == 0 ||
            strncasecmp(line, "MAIL", 4) == 0 || strncasecmp(line, "RSET", 4) == 0)
            say(stream, "250 test");
        else if (strncasecmp(line, "RCPT", 4) == 0)
            goes_on = answer_rcpt(server, stream);
        else if (strncasecmp(line, "DATA", 4) == 0)
            goes_on = take_mail(server, stream);
        else if (strncasecmp(line, "QUIT", 4) == 0)
            goes_on = false;
        else
            say(stream, "502 not here");
    }
}

static void set_open(struct smtp_server *server, int fd) {
    pthread_mutex_lock(&server->lock);
    server->open_fd = fd;
    pthread_mutex_unlock(&server->lock);
}

/* A client that gave up on us must not end the test. */
static void block_broken_pipes(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *server_main(void *arg) {
    struct smtp_server *server = arg;
    block_broken_pipes();
    for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0;) {
        FILE *stream = fdopen(fd, "r+");
        atomic_fetch_add(&server->connections, 1);
        set_open(server, fd);
        serve(server, stream);
        set_open(server, -1);
        fclose(stream);
    }
    return NULL;
}

struct smtp_server *smtp_server_start(void) {
    struct smtp_server *server = mem_alloc(sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, len) != 0 ||
        listen(server->listener, 8) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0)
        abort();
    snprintf(server->url, sizeof(server->url), "smtp://127.0.0.1:%d", ntohs(address.sin_port));
    atomic_store(&server->reply, 250);
    server->open_fd = -1;
    pthread_mutex_init(&server->lock, NULL);
    pthread_create(&server->thread, NULL, server_main, server);
    return server;
}

void smtp_server_stop(struct smtp_server **server) {
    struct smtp_server *s = *server;
    if (s == NULL)
        return;
    shutdown(s->listener, SHUT_RDWR);
    pthread_mutex_lock(&s->lock);
    if (s->open_fd >= 0)
        shutdown(s->open_fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    close(s->listener);
    pthread_mutex_destroy(&s->lock);
    buf_fini(&s->mails);
    free(s);
    *server = NULL;
}

const char *smtp_server_url(const struct smtp_server *server) {
    return server->url;
}

void smtp_server_set_reply(struct smtp_server *server, int code) {
    atomic_store(&server->reply, code);
}

void smtp_server_set_delay_ms(struct smtp_server *server, int delay_ms) {
    atomic_store(&server->delay_ms, delay_ms);
}

void smtp_server_drop_after_data(struct smtp_server *server) {
    atomic_store(&server->drops, true);
}

int smtp_server_connections(struct smtp_server *server) {
    return atomic_load(&server->connections);
}

int smtp_server_count(struct smtp_server *server) {
    pthread_mutex_lock(&server->lock);
    int count = server->count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

struct buf smtp_server_mails(struct smtp_server *server) {
    struct buf copy = {0};
    pthread_mutex_lock(&server->lock);
    buf_append_text(&copy, server->mails.ptr ? server->mails.ptr : "");
    pthread_mutex_unlock(&server->lock);
    return copy;
}
