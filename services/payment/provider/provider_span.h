/*
 * A provider's operation on many requests, each with a CLIENT span below its event's. The requests
 * are asked side by side, so every span lasts as long as the slowest. Blocks as the operation does.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_SPAN_H
#define OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_SPAN_H

#include "services/payment/provider/provider.h"

struct request_list {
    struct provider_request **items;
    size_t count;
};

/* `operation` of the provider, known as `verb`. */
void provider_call(const struct provider *provider, const char *verb, provider_fn operation,
                   const struct request_list *requests);

#endif
