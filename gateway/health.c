#include "gateway/health.h"

#include "gateway/lane/lane.h"
#include "gateway/link/broker.h"
#include "gateway/reply/answer.h"
#include "shared/base/version.h"
#include "shared/json/json.h"

static bool is_degraded(const struct gateway *gateway) {
    return atomic_load(&gateway->redis_usable) < (int)gateway->lane_count;
}

void health_check(void *closure, struct readiness *readiness) {
    const struct gateway *gateway = closure;
    const char *reason = "";
    readiness->ready = false;
    if (atomic_load(&gateway->is_draining)) {
        reason = "draining";
    } else if (!atomic_load(&gateway->is_serving)) {
        reason = "starting";
    } else if (!broker_is_connected(gateway->broker)) {
        reason = "broker: away";
    } else {
        readiness->ready = true;
        if (is_degraded(gateway))
            reason = "idempotency: degraded";
    }
    snprintf(readiness->reason, sizeof(readiness->reason), "%s", reason);
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

void get_health(h2o_req_t *req, struct slice id) {
    (void)id;
    struct lane *lane = lane_of(req);
    struct readiness readiness;
    health_check(lane->gateway, &readiness);
    bool is_whole = readiness.ready && readiness.reason[0] == '\0';
    struct json_writer w = json_writer(lane_scratch(lane));
    json_begin_object(&w);
    json_put_text(&w, "status", is_whole ? "ok" : readiness.ready ? "degraded" : "unavailable");
    json_put_text(&w, "version", ordermesh_version);
    json_key(&w, "components");
    json_begin_object(&w);
    json_put_text(&w, "broker", broker_is_connected(lane->gateway->broker) ? "ok" : "away");
    json_put_text(&w, "idempotency", is_degraded(lane->gateway) ? "degraded" : "ok");
    json_end_object(&w);
    json_end_object(&w);
    answer_json(req, readiness.ready ? 200 : 503, buf_slice(&lane->scratch));
}
