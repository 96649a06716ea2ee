#include "shared/nats/jetstream_code.h"

enum blame jetstream_blame(int code) {
    switch (code) {
#define CASE(number, name, blame, meaning)                                                         \
    case number:                                                                                   \
        return BLAME_##blame;
        JETSTREAM_CODE_TABLE(CASE)
#undef CASE
    }
    return BLAME_DEPENDENCY;
}
