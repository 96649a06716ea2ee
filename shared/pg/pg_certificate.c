#include "shared/pg/pg_certificate.h"

#include "shared/crypto/certificate.h"
#include "shared/observe/metrics.h"

#include <openssl/ssl.h>

METRIC_GAUGE(ends, "ordermesh_db_certificate_end_seconds", "certificate",
             "When the server's ends, since 1970, where a session has TLS: database and replica.");

void pg_certificate_show(PGconn *conn, bool is_replica) {
    SSL *ssl = PQsslStruct(conn, "OpenSSL");
    int64_t end_s = ssl != NULL ? certificate_end_of(SSL_get0_peer_certificate(ssl)) : 0;
    if (end_s > 0)
        metric_set(&ends, metric_slot(&ends, is_replica ? "replica" : "database"), end_s);
}
