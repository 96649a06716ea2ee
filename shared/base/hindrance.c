#include "shared/base/hindrance.h"

void hindrance_init(struct hindrance *hindrance) {
    pthread_mutex_init(&hindrance->mutex, NULL);
    hindrance->error = (struct error){0};
}

void hindrance_fini(struct hindrance *hindrance) {
    pthread_mutex_destroy(&hindrance->mutex);
}

void hindrance_set(struct hindrance *hindrance, const struct error *error) {
    pthread_mutex_lock(&hindrance->mutex);
    hindrance->error = *error;
    pthread_mutex_unlock(&hindrance->mutex);
}

void hindrance_clear(struct hindrance *hindrance) {
    hindrance_set(hindrance, &(struct error){0});
}

bool hindrance_read(struct hindrance *hindrance, struct error *error) {
    pthread_mutex_lock(&hindrance->mutex);
    *error = hindrance->error;
    pthread_mutex_unlock(&hindrance->mutex);
    return error->status != STATUS_OK;
}
