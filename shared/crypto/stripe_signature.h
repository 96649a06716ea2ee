/*
 * The signature of Stripe's webhooks (https://docs.stripe.com/webhooks/signatures):
 *
 *     Stripe-Signature: t=1492774577,v1=5257a869...,v1=...
 *
 * v1 is HMAC-SHA256 over "<t>.<body>", the body as it came, under the secret, in hex; there may be
 * several, and others than v1, which do not count. The secret is the whole text of its file, with
 * its "whsec_". Thread safe after creation; nothing blocks.
 */
#ifndef OM_SHARED_CRYPTO_STRIPE_SIGNATURE_H
#define OM_SHARED_CRYPTO_STRIPE_SIGNATURE_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

#include <stdint.h>

#define STRIPE_SIGNATURE_SIZE 96         /* "t=", 20 digits, ",v1=", 64 digits, and the end */
#define STRIPE_SIGNATURE_TOLERANCE_S 300 /* how old, or early, a signature may be */

struct stripe_secret;

/* INVALID: it is empty, or has white space. */
enum status stripe_secret_create(const char *file, struct stripe_secret **secret,
                                 struct error *error) MUST_CHECK;
void stripe_secret_destroy(struct stripe_secret **secret); /* wipes */

/* The header's value; `text` has STRIPE_SIGNATURE_SIZE bytes. */
void stripe_signature_write(const struct stripe_secret *secret, int64_t timestamp_s,
                            struct slice body, char *text);
/* Whether the header's value is a signature of the body under the secret, and not older or younger
   than the tolerance at `now_s`. NULL: nothing is signed under it. In constant time of the
   signature. */
bool stripe_signature_verify(const struct stripe_secret *secret, struct slice header,
                             struct slice body, int64_t now_s);

#endif
