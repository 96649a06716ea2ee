#include "tests/histories/history.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "tests/support/base/process.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct history {
    FILE *file;
    int64_t opened_us;
    pthread_mutex_t mutex;
};

struct history *history_open(const char *path) {
    struct history *history = mem_alloc(sizeof(*history));
    history->file = fopen(path, "we");
    if (history->file == NULL)
        fixture_fail("cannot write %s", path);
    history->opened_us = clock_monotonic_us();
    (void)pthread_mutex_init(&history->mutex, NULL);
    return history;
}

void history_close(struct history **history) {
    if (fclose((*history)->file) != 0)
        fixture_fail("the history could not be written");
    (void)pthread_mutex_destroy(&(*history)->mutex);
    free(*history);
    *history = NULL;
}

int64_t history_now_us(const struct history *history) {
    return clock_monotonic_us() - history->opened_us;
}

static void add_line(struct history *history, struct buf *line) {
    buf_append_char(line, '\n');
    (void)pthread_mutex_lock(&history->mutex);
    if (fwrite(line->ptr, 1, line->len, history->file) != line->len)
        fixture_fail("the history could not be written");
    (void)pthread_mutex_unlock(&history->mutex);
    buf_fini(line);
}

static void put_answer(struct json_writer *w, const struct http_response *response) {
    struct slice body = buf_slice(&response->body);
    bool is_json = response->status != 0 && body.len > 0 && body.ptr[0] == '{';
    if (is_json)
        json_put_raw(w, "answer", body);
    else
        json_put_string(w, "answer", body);
}

void history_add(struct history *history, const struct operation *operation,
                 const struct http_response *response) {
    const char gateway[] = {operation->gateway, '\0'};
    struct buf line = {0};
    struct json_writer w = json_writer(&line);
    json_begin_object(&w);
    json_put_int(&w, "client", operation->client);
    json_put_text(&w, "gateway", gateway);
    json_put_text(&w, "method", operation->method);
    json_put_text(&w, "path", operation->path);
    if (operation->key != NULL)
        json_put_text(&w, "key", operation->key);
    if (operation->body != NULL)
        json_put_text(&w, "body", operation->body);
    json_put_int(&w, "call", operation->call_us);
    json_put_int(&w, "return", operation->return_us);
    json_put_int(&w, "status", response->status);
    json_put_bool(&w, "replayed", slice_is(http_header(response, "Idempotent-Replayed"), "true"));
    json_put_string(&w, "etag", http_header(response, "ETag"));
    put_answer(&w, response);
    json_end_object(&w);
    add_line(history, &line);
}

void history_add_fault(struct history *history, const char *fault, const char *target,
                       int64_t from_us, int64_t until_us) {
    struct buf line = {0};
    struct json_writer w = json_writer(&line);
    json_begin_object(&w);
    json_put_text(&w, "fault", fault);
    json_put_text(&w, "target", target);
    json_put_int(&w, "call", from_us);
    json_put_int(&w, "return", until_us);
    json_end_object(&w);
    add_line(history, &line);
}
