# An API server's OpenAPI 2 document as JSON Schema: no members that it does not know, and the few types
# that are written in two ways.

def either: {type: ["string", "number"]};

def strict: walk(
    if type == "object" and (.properties | type == "object") and (has("additionalProperties") | not)
        and (.["x-kubernetes-preserve-unknown-fields"] | not)
    then .additionalProperties = false else . end
    | if type == "object" and (.["$ref"] | type == "string")
      then .["$ref"] |= sub("^#"; "definitions.json#") else . end
    | if type == "object" and .format == "int-or-string" then either else . end
    | if type == "object" and .["x-kubernetes-int-or-string"] == true then either else . end);

{definitions: (.definitions | strict
    | .["io.k8s.apimachinery.pkg.api.resource.Quantity"] = either
    | .["io.k8s.apimachinery.pkg.apis.meta.v1.Time"] = {type: "string"})}
