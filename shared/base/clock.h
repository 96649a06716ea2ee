/* Time. Wall-clock microseconds since 1970 (UTC) for records, monotonic for intervals. Thread safe.
 */
#ifndef OM_SHARED_BASE_CLOCK_H
#define OM_SHARED_BASE_CLOCK_H

#include "shared/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define RFC3339_SIZE 28 /* "2026-01-02T03:04:05.678901Z" and its terminator */

int64_t clock_now_us(void);
int64_t clock_monotonic_us(void);
void clock_sleep_ms(int64_t ms); /* blocks */
/* UTC with microseconds and `Z` (RFC 3339). `text` has RFC3339_SIZE bytes. */
void clock_format(int64_t time_us, char *text);
/* A length of time in the largest unit that leaves no rest: "7d", "90s", "1500ms". `text` has
   DURATION_SIZE bytes. */
#define DURATION_SIZE 24
void clock_format_duration(int64_t ns, char *text);
/* RFC 3339 with `Z` or an offset, 0 to 9 fraction digits (beyond 6 are cut). */
bool clock_parse(struct slice text, int64_t *time_us);

#endif
