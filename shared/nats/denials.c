#include "shared/nats/denials.h"

#include "shared/base/slice.h"

#include <stdio.h>
#include <string.h>

void denials_init(struct denials *denials) {
    *denials = (struct denials){0};
    pthread_mutex_init(&denials->mutex, NULL);
}

void denials_fini(struct denials *denials) {
    pthread_mutex_destroy(&denials->mutex);
}

/* Each acknowledgement has a subject of its own, $JS.ACK.<stream>.<consumer> and five tokens more,
   or two before the stream and at least five behind the consumer: all of a consumer's are one. */
static struct slice key_of(struct slice subject) {
    static const char prefix[] = "$JS.ACK.";
    size_t tokens = 1, want, end = 0;
    if (subject.len < sizeof(prefix) || memcmp(subject.ptr, prefix, sizeof(prefix) - 1) != 0)
        return subject;
    for (size_t i = 0; i < subject.len; i++)
        tokens += subject.ptr[i] == '.';
    want = tokens >= 11 ? 6 : 4;
    for (; end < subject.len && want > 0; end++)
        want -= subject.ptr[end] == '.';
    return (struct slice){subject.ptr, want == 0 ? end - 1 : end};
}

/* The subject's own place, or else the oldest. */
static struct denial *place_of(struct denials *denials, struct slice subject) {
    struct denial *oldest = &denials->items[0];
    for (size_t i = 0; i < DENIALS_MOST; i++) {
        struct denial *item = &denials->items[i];
        if (slice_equal(subject, (struct slice){item->subject, strlen(item->subject)}))
            return item;
        if (item->at_us < oldest->at_us)
            oldest = item;
    }
    return oldest;
}

void denials_note(struct denials *denials, const char *detail, int64_t now_us) {
    static const char before[] = "Publish to \"";
    const char *at = strstr(detail, before);
    if (at == NULL)
        return;
    at += sizeof(before) - 1;
    struct slice subject = key_of((struct slice){at, strcspn(at, "\"")});
    if (subject.len >= DENIAL_SUBJECT_SIZE)
        return;
    pthread_mutex_lock(&denials->mutex);
    struct denial *item = place_of(denials, subject);
    snprintf(item->subject, sizeof(item->subject), "%.*s", SLICE_ARG(subject));
    item->at_us = now_us;
    pthread_mutex_unlock(&denials->mutex);
}

int64_t denials_last_us(struct denials *denials, const char *subject) {
    struct slice key = key_of(slice_of(subject));
    int64_t last_us = 0;
    pthread_mutex_lock(&denials->mutex);
    for (size_t i = 0; i < DENIALS_MOST; i++) {
        const struct denial *item = &denials->items[i];
        if (item->at_us > last_us && (subject == NULL || slice_is(key, item->subject)))
            last_us = item->at_us;
    }
    pthread_mutex_unlock(&denials->mutex);
    return last_us;
}

int64_t denials_latest(struct denials *denials, char subject[DENIAL_SUBJECT_SIZE]) {
    int64_t last_us = 0;
    pthread_mutex_lock(&denials->mutex);
    for (size_t i = 0; i < DENIALS_MOST; i++) {
        const struct denial *item = &denials->items[i];
        if (item->at_us <= last_us)
            continue;
        last_us = item->at_us;
        memcpy(subject, item->subject, DENIAL_SUBJECT_SIZE);
    }
    pthread_mutex_unlock(&denials->mutex);
    return last_us;
}
