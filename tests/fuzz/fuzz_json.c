/* The strict scan before json-c: what it lets pass, json-c parses, and prints as what the scan lets
   pass again. */
#include "shared/json/json.h"
#include "shared/json/json_check.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    const struct slice text = {(const char *)bytes, len};
    struct error error = {0};
    struct json_object *root = NULL;
    enum status checked = json_check(text, &error);
    enum status parsed = json_parse(text, &root, &error);
    if (parsed != STATUS_OK) {
        MUST(root == NULL && error.text[0] != '\0');
        return 0;
    }
    MUST(checked == STATUS_OK);
    const char *printed = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
    MUST(json_check(slice_of(printed), &error) == STATUS_OK);
    json_object_put(root);
    return 0;
}
