#ifndef OM_SHARED_CONSUME_RETRY_DELAY_H
#define OM_SHARED_CONSUME_RETRY_DELAY_H

#include <stdbool.h>
#include <stdint.h>

/* In milliseconds, sent with the NAK of attempt 1, 2, 3 ...: 1, 2, 4 s and so on up to 64 s, since
   a consumer's `backoff` does not apply to NAKs. The last NAK waits 1 s, since no delivery follows
   it: the sooner its delay ends, the sooner the server says that it gave up. Pure. */
int64_t retry_delay_ms(int attempt, bool is_last);

#endif
