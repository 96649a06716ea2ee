#include "shared/consume/awaited.h"

#include "shared/base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A message is looked at again within half a minute. */
enum { AWAITED_MOST = 32, WORDS_SIZE = 200, CONSUMER_SIZE = 64 };
#define FORGOTTEN_US INT64_C(90000000)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what is below */
static struct awaited {
    char consumer[CONSUMER_SIZE], words[WORDS_SIZE];
    struct uuid order_id;
    int64_t since_us;
    int64_t looked_at_us; /* monotonic */
} all[AWAITED_MOST];
static size_t count;

static void drop(size_t index) {
    count--;
    memmove(&all[index], &all[index + 1], (count - index) * sizeof(all[0]));
}

static void drop_old(void) {
    int64_t now_us = clock_monotonic_us();
    for (size_t i = count; i-- > 0;)
        if (now_us - all[i].looked_at_us > FORGOTTEN_US)
            drop(i);
}

/* `count` when it is not there. */
static size_t find(const char *consumer, const struct uuid *order_id) {
    size_t i = 0;
    while (i < count && (uuid_compare(&all[i].order_id, order_id) != 0 ||
                         strcmp(all[i].consumer, consumer) != 0))
        i++;
    return i;
}

void awaited_note(const char *consumer, const struct uuid *order_id, const char *words) {
    pthread_mutex_lock(&mutex);
    drop_old();
    size_t index = find(consumer, order_id);
    if (index == count && count < AWAITED_MOST) {
        all[count++] = (struct awaited){.order_id = *order_id, .since_us = clock_now_us()};
        snprintf(all[index].consumer, CONSUMER_SIZE, "%s", consumer);
    }
    if (index < count) {
        all[index].looked_at_us = clock_monotonic_us();
        snprintf(all[index].words, WORDS_SIZE, "%s", words);
    }
    pthread_mutex_unlock(&mutex);
}

void awaited_forget(const char *consumer, const struct uuid *order_id) {
    pthread_mutex_lock(&mutex);
    size_t index = find(consumer, order_id);
    if (index < count)
        drop(index);
    pthread_mutex_unlock(&mutex);
}

void awaited_write(struct json_writer *w) {
    pthread_mutex_lock(&mutex);
    drop_old();
    if (count > 0) {
        json_key(w, "awaits");
        json_begin_array(w);
        for (size_t i = 0; i < count; i++) {
            char id[UUID_TEXT_SIZE], since[RFC3339_SIZE];
            uuid_format(&all[i].order_id, id);
            clock_format(all[i].since_us, since);
            json_begin_object(w);
            json_put_text(w, "consumer", all[i].consumer);
            json_put_text(w, "orderId", id);
            json_put_text(w, "since", since);
            json_put_text(w, "words", all[i].words);
            json_end_object(w);
        }
        json_end_array(w);
    }
    pthread_mutex_unlock(&mutex);
}
