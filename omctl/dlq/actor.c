#include "omctl/dlq/actor.h"

#include "shared/contract/dlq_filter.h"

#include <pwd.h>
#include <unistd.h>

void actor_name(struct buf *name) {
    const struct passwd *user = getpwuid(geteuid());
    if (user != NULL && dlq_text_is_valid(slice_of(user->pw_name), DLQ_ACTOR_MOST))
        buf_append_text(name, user->pw_name);
    else
        buf_printf(name, "uid %u", (unsigned)geteuid());
}

void actor_put(struct json_writer *w) {
    struct buf name = {0};
    actor_name(&name);
    json_put_string(w, "actor", buf_slice(&name));
    buf_fini(&name);
}
