#include "omctl/install/roles.h"

#include "omctl/command/command.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* Adds the statement for one role; the server does the quoting. */
static enum status append_role(struct pg *pg, const char *directory, struct slice role,
                               struct buf *script, struct error *error) {
    static const struct pg_statement quote = {
        .name = "roles_quote",
        .sql = "SELECT format('ALTER ROLE %I PASSWORD %L;', $1::text, rtrim($2::text, E'\\r\\n'))",
        .param_count = 2,
    };
    struct buf path = {0}, password = {0};
    buf_printf(&path, "%s/%.*s", directory, SLICE_ARG(role));
    struct pg_result *result = NULL;
    enum status status = command_read_file(path.ptr, &password, error);
    if (status == STATUS_OK) {
        const struct pg_param params[] = {pg_text(role), pg_text(buf_slice(&password))};
        status = pg_query(pg, &quote, params, &result, error);
    }
    if (status == STATUS_OK)
        buf_append_slice(script, pg_get_slice(result, 0, 0));
    pg_result_free(&result);
    buf_fini(&password);
    buf_fini(&path);
    return status;
}

enum status roles_set_passwords(struct pg *pg, const char *directory, const char *schema,
                                struct error *error) {
    static const struct pg_statement list = {
        .name = "roles_list",
        .sql = "SELECT rolname::text FROM pg_roles WHERE rolname ^@ 'om_'"
               " AND $1::text IN ('', substr(rolname, 4)) ORDER BY 1",
        .param_count = 1,
    };
    const struct pg_param params[] = {pg_text(slice_of(schema))};
    struct pg_result *roles = NULL;
    struct buf script = {0};
    enum status status = pg_query(pg, &list, params, &roles, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(roles); row++)
        status = append_role(pg, directory, pg_get_slice(roles, row, 0), &script, error);
    if (status == STATUS_OK && script.len > 0)
        status = pg_script(pg, script.ptr, error);
    pg_result_free(&roles);
    buf_fini(&script);
    return status;
}
