/* Hexadecimal text. Thread safe. */
#ifndef OM_SHARED_BASE_HEX_H
#define OM_SHARED_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lower case and terminated: `text` has 2 * len + 1 bytes. */
void hex_encode(const uint8_t *bytes, size_t len, char *text);
/* The 2 * len digits at `text`, in either case; false when one of them is none. */
bool hex_decode(const char *text, uint8_t *bytes, size_t len);
/* 0 to 15 for a digit in either case, otherwise -1. */
int hex_value(char digit);

#endif
