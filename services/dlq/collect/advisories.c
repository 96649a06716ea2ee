#include "services/dlq/collect/advisories.h"

#include "services/dlq/collect/examiner.h"

/* The broker terminates a delivery whose message was replaced meanwhile, as reports are. */
static bool is_of_a_replaced_report(const struct notice *notice) {
    return notice->kind == NOTICE_TERMINATED && slice_is(notice->stream, "FAILURES");
}

enum status advisories_take(struct batch *batch, struct error *error) {
    const struct examiner examiner = {batch->nats, batch->pg, batch->arena};
    struct notice notices[EXAMINER_MOST];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct delivery *delivery = batch->items[i];
        struct error why = {0};
        if (notice_parse_advisory(delivery->subject, delivery->payload, batch->arena,
                                  &notices[count], &why) != STATUS_OK)
            examiner_refuse("malformed", &why);
        else if (!is_of_a_replaced_report(&notices[count]))
            count++;
    }
    return examiner_take(&examiner, notices, count, error);
}
