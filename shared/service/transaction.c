#include "shared/service/transaction.h"

enum { TRANSACTIONS_MOST = 3 };

static enum status try_once(struct endpoint_call *call, transact_fn decide, void *state,
                            struct error *error) {
    enum status status = pg_begin(call->pg, error);
    if (status != STATUS_OK)
        return status;
    status = decide(call->pg, call->arena, state, error);
    if (status == STATUS_OK)
        status = pg_commit(call->pg, error);
    if (status != STATUS_OK)
        pg_rollback(call->pg);
    return status;
}

enum status transact(struct endpoint_call *call, transact_fn decide, void *state,
                     struct error *error) {
    enum status status = STATUS_SERIALIZATION;
    for (int i = 0; i < TRANSACTIONS_MOST && status == STATUS_SERIALIZATION; i++)
        status = try_once(call, decide, state, error);
    return status;
}
