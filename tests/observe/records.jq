# Log records as they come by OTLP (the input), each in the form of the line that it was: what the processes wrote.
# Times are compared by the microsecond.
def value: .stringValue // .doubleValue // (.intValue | select(. != null) | tonumber) // .boolValue;
def fields: map({(.key): (.value | value)}) | add // {};
.resourceLogs[] | (.resource.attributes | fields) as $resource | .scopeLogs[].logRecords[]
    | {namespace: $resource["service.namespace"], service: $resource["service.name"],
       instance: $resource["service.instance.id"], level: .severityText, severity: .severityNumber,
       us: (.timeUnixNano | .[:-3]), msg: .body.stringValue,
       traceId: (.traceId // ""), spanId: (.spanId // ""), fields: ((.attributes // []) | fields)}
