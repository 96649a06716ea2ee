#include "gateway/health.h"

#include "gateway/lane/lane.h"
#include "gateway/link/broker.h"
#include "gateway/orders/publish_health.h"
#include "gateway/reply/answer.h"
#include "shared/base/clock.h"
#include "shared/base/version.h"
#include "shared/json/json.h"
#include "shared/service/runtime.h"

/* For so long it is said that Redis refused to keep a command: nobody may place the next one. */
#define REFUSED_US 3000000

struct health {
    bool is_ready, is_connected, may_publish, takes_orders, is_idempotent, keeps_commands;
    struct buf reason; /* what is missing, or degraded */
};

static void add_reason(struct health *health, const char *what, const char *why) {
    buf_printf(&health->reason, "%s%s%s", health->reason.len > 0 ? "; " : "", what, why);
}

/* Why an accepted command has no second copy in Redis; NULL: it has. */
static const char *why_not_kept(struct gateway *gateway, bool takes_writes) {
    if (atomic_load(&gateway->is_kept_full))
        return "all of OM_COMMAND_KEPT_BYTES is used";
    if (clock_monotonic_us() < atomic_load(&gateway->kept_refused_us) + REFUSED_US)
        return "Redis refuses them (order:commands)";
    return takes_writes ? NULL : "Redis takes no writes";
}

/* End it with buf_fini() of the reason. */
static struct health check(struct gateway *gateway) {
    struct health health = {
        .may_publish = true, .takes_orders = true, .is_idempotent = true, .keeps_commands = true};
    struct error why;
    bool is_draining = atomic_load(&gateway->is_draining);
    bool is_serving = atomic_load(&gateway->is_serving);
    if (is_draining || !is_serving) {
        runtime_say_starting(&why);
        add_reason(&health, is_draining ? "draining" : why.text, "");
        return health;
    }
    health.is_connected = broker_is_connected(gateway->broker);
    health.is_ready = health.is_connected;
    health.is_idempotent = redis_health_is_whole(&gateway->redis_health, &why);
    if (!health.is_idempotent)
        add_reason(&health, "idempotency: degraded: ", why.text);
    const char *why_not = why_not_kept(gateway, health.is_idempotent);
    health.keeps_commands = why_not == NULL;
    if (!health.keeps_commands)
        add_reason(&health, "commands: not kept: ", why_not);
    health.takes_orders = publish_health_is_good(gateway->publish_health, &why);
    if (!health.is_connected)
        add_reason(&health, "broker: away", "");
    else if (!health.takes_orders)
        add_reason(&health, "orders: refused: ", why.text);
    health.may_publish = broker_check_rights(gateway->broker, &why) == STATUS_OK;
    if (!health.may_publish && health.takes_orders)
        add_reason(&health, "broker: limited: ", why.text);
    return health;
}

void health_check(void *gateway, struct readiness *readiness) {
    struct health health = check(gateway);
    readiness->ready = health.is_ready;
    snprintf(readiness->reason, sizeof(readiness->reason), "%s",
             health.reason.len > 0 ? health.reason.ptr : "");
    buf_fini(&health.reason);
}

void get_liveness(h2o_req_t *req, struct slice id) {
    (void)id;
    answer_json(req, 200, SLICE_LITERAL("{\"status\":\"ok\"}"));
}

void get_readiness(h2o_req_t *req, struct slice id) {
    (void)id;
    struct lane *lane = lane_of(req);
    struct readiness readiness;
    health_check(lane->gateway, &readiness);
    struct json_writer w = json_writer(lane_scratch(lane));
    json_begin_object(&w);
    json_put_bool(&w, "ready", readiness.ready);
    if (readiness.reason[0] != '\0')
        json_put_text(&w, "reason", readiness.reason);
    json_end_object(&w);
    answer_json(req, readiness.ready ? 200 : 503, buf_slice(&lane->scratch));
}

static const char *status_of(const struct health *health) {
    if (!health->is_ready || !health->takes_orders)
        return "unavailable";
    bool is_whole = health->may_publish && health->is_idempotent && health->keeps_commands;
    return is_whole ? "ok" : "degraded";
}

static const char *broker_status_of(const struct health *health) {
    if (!health->is_connected)
        return "away";
    return health->may_publish ? "ok" : "limited";
}

void get_health(h2o_req_t *req, struct slice id) {
    (void)id;
    struct lane *lane = lane_of(req);
    struct health health = check(lane->gateway);
    struct json_writer w = json_writer(lane_scratch(lane));
    json_begin_object(&w);
    json_put_text(&w, "status", status_of(&health));
    json_put_text(&w, "version", ordermesh_version);
    json_key(&w, "components");
    json_begin_object(&w);
    json_put_text(&w, "broker", broker_status_of(&health));
    json_put_text(&w, "orders", health.takes_orders ? "ok" : "refused");
    json_put_text(&w, "idempotency", health.is_idempotent ? "ok" : "degraded");
    json_put_text(&w, "commands", health.keeps_commands ? "ok" : "degraded");
    json_end_object(&w);
    if (health.reason.len > 0)
        json_put_string(&w, "reason", buf_slice(&health.reason));
    json_end_object(&w);
    bool takes_orders = health.is_ready && health.takes_orders;
    buf_fini(&health.reason);
    answer_json(req, takes_orders ? 200 : 503, buf_slice(&lane->scratch));
}
