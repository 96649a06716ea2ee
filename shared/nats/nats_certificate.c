#include "shared/nats/nats_certificate.h"

#include "shared/crypto/certificate.h"
#include "shared/nats/nats_info.h"
#include "shared/observe/metrics.h"

METRIC_GAUGE(
    ends, "ordermesh_nats_certificate_end_seconds", "certificate",
    "When it ends, since 1970: authority and client of this process, server of the broker.");

#define TIMEOUT_MS 1000

void nats_certificate_show(const char *which, const char *pem) {
    if (pem != NULL)
        metric_set(&ends, metric_slot(&ends, which), certificate_end(slice_of(pem)));
}

void nats_certificate_show_server(struct nats_client *client) {
    char url[512];
    int64_t end_s = 0;
    struct error error;
    if (natsConnection_GetConnectedUrl(nats_client_fast(client), url, sizeof(url)) == NATS_OK &&
        nats_info_ask_certificate(url, TIMEOUT_MS, &end_s, &error) == STATUS_OK && end_s > 0)
        metric_set(&ends, metric_slot(&ends, "server"), end_s);
}
