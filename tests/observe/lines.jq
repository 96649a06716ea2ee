# Lines of our processes' logs in the form that records.jq gives a record. Wants --arg namespace.
def micro: (.[:19] + "Z" | fromdate | tostring) + .[20:26];
{namespace: $namespace, service, instance, level,
 severity: {debug: 5, info: 9, warn: 13, error: 17}[.level], us: (.time | micro), msg,
 traceId: (.traceId // ""), spanId: (.spanId // ""),
 fields: del(.time, .level, .service, .instance, .msg, .traceId, .spanId)}
