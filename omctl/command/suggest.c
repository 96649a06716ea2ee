#include "omctl/command/suggest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_SIZE = 64, NEAR_MOST = 2 };

/* The table of Wagner and Fischer, a row at a time. */
size_t suggest_distance(const char *a, const char *b) {
    size_t rows[2][WORD_SIZE];
    size_t len_a = strlen(a), len_b = strlen(b);
    if (len_a >= WORD_SIZE || len_b >= WORD_SIZE)
        return SIZE_MAX;
    for (size_t j = 0; j <= len_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        const size_t *above = rows[(i + 1) % 2];
        size_t *row = rows[i % 2];
        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t least = above[j - 1] + (a[i - 1] != b[j - 1]);
            least = above[j] + 1 < least ? above[j] + 1 : least;
            row[j] = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
        }
    }
    return rows[len_a % 2][len_b];
}

bool suggest_is_near(const char *meant, size_t distance) {
    return distance <= NEAR_MOST && 2 * distance < strlen(meant);
}
