#include "services/loyalty/points.h"

#define MINOR_A_POINT 100

int64_t points_for(int64_t total_minor) {
    return total_minor / MINOR_A_POINT;
}
