#include "tests/support/data/sample.h"

#include "shared/observe/metrics.h"

#include <stdlib.h>
#include <string.h>

int64_t sample_value(const char *series) {
    struct buf wanted = {0}, text = {0};
    buf_printf(&wanted, "\n%s ", series);
    metrics_render(&text);
    const char *line = strstr(text.ptr, wanted.ptr);
    int64_t value = line == NULL ? 0 : strtoll(line + wanted.len, NULL, 10);
    buf_fini(&wanted);
    buf_fini(&text);
    return value;
}
