/*
 * What the server did not let its user publish. It says so apart from the request, whose sender
 * waits in vain: so what waits asks here why. Thread safe.
 */
#ifndef OM_SHARED_NATS_DENIALS_H
#define OM_SHARED_NATS_DENIALS_H

#include <pthread.h>
#include <stdint.h>

enum { DENIALS_MOST = 8, DENIAL_SUBJECT_SIZE = 160 };

struct denials {
    pthread_mutex_t mutex;
    struct denial {
        char subject[DENIAL_SUBJECT_SIZE];
        int64_t at_us;     /* monotonic; 0: free */
    } items[DENIALS_MOST]; /* the latest of each subject, of acknowledgements of each consumer */
};

void denials_init(struct denials *denials);
void denials_fini(struct denials *denials);
/* `detail` is the server's: Permissions Violation for Publish to "SUBJECT". Others are passed over.
 */
void denials_note(struct denials *denials, const char *detail, int64_t now_us);
/* When the subject was last refused, or any for NULL; 0: never. An acknowledgement's stands for all
   of its consumer's. */
int64_t denials_last_us(struct denials *denials, const char *subject);
/* The same of any, with its subject. */
int64_t denials_latest(struct denials *denials, char subject[DENIAL_SUBJECT_SIZE]);

#endif
