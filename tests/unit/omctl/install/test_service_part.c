/* Which statements of a migration are a service's. */
#include "omctl/install/service_part.h"
#include "tests/support/base/test.h"

static struct schemas schemas;

static int name_schemas(void **state) {
    (void)state;
    schemas = (struct schemas){0};
    schemas_find(SLICE_LITERAL("SELECT om.create_messaging('orders');\n"
                               "SELECT om.create_messaging('shipping');"
                               "SELECT om.create_messaging('orders');"),
                 &schemas);
    return 0;
}

static void assert_part(const char *own, const char *sql, const char *expected) {
    struct buf part = {0};
    struct error error = {0};
    require_ok(service_part(slice_of(sql), &schemas, own, &part, &error), &error);
    assert_slice_equal(buf_slice(&part), expected);
    buf_fini(&part);
}

static void schemas_are_those_that_the_files_make(void **state) {
    (void)state;
    assert_int_equal(schemas.count, 2);
    assert_string_equal(schemas.names[0], "orders");
    assert_string_equal(schemas.names[1], "shipping");
    schemas_find(SLICE_LITERAL("-- om.create_messaging('comment')\n"
                               "CREATE FUNCTION om.f() AS $$ om.create_messaging('body') $$;"),
                 &schemas);
    assert_int_equal(schemas.count, 2);
}

static void a_service_is_found_by_its_name_or_its_schemas(void **state) {
    (void)state;
    struct error error = {0};
    const char *schema = NULL;
    assert_int_equal(schemas_choose(&schemas, "order", &schema, &error), STATUS_OK);
    assert_string_equal(schema, "orders");
    assert_int_equal(schemas_choose(&schemas, "shipping", &schema, &error), STATUS_OK);
    assert_string_equal(schema, "shipping");
    assert_int_equal(schemas_choose(&schemas, "ship", &schema, &error), STATUS_INVALID);
    assert_string_equal(error.text, "no file makes a schema for \"ship\": orders, shipping");
    assert_int_equal(schemas_choose(&schemas, "", &schema, &error), STATUS_INVALID);
}

static void a_statement_is_the_services_that_it_names(void **state) {
    (void)state;
    static const char sql[] = "CREATE TABLE orders.a (i int);"
                              "ALTER TABLE shipping.b ADD c int;"
                              "SELECT om.create_messaging('shipping');"
                              "GRANT USAGE ON SCHEMA orders TO monitor;"
                              "ALTER ROLE om_shipping SET x = 1;";
    assert_part("orders", sql,
                "CREATE TABLE orders.a (i int);GRANT USAGE ON SCHEMA orders TO monitor;");
    assert_part("shipping", sql,
                "ALTER TABLE shipping.b ADD c int;SELECT om.create_messaging('shipping');"
                "ALTER ROLE om_shipping SET x = 1;");
}

static void a_statement_that_names_none_is_everybodys(void **state) {
    (void)state;
    static const char *const everybodys[] = {
        "CREATE SCHEMA om;",
        "SELECT om.date_inbox(schemaname) FROM pg_tables WHERE tablename = 'outbox_cursor';",
        "DO $$ BEGIN PERFORM * FROM orders.a; PERFORM * FROM shipping.b; END $$;",
        "CREATE FUNCTION om.f() AS $body$ SELECT ';' FROM orders.a $body$;",
        "-- of orders.a; and shipping.b\nSELECT 1;",
        "/* orders.a; */ SELECT 'orders.a; shipping', 'it''s orders.b';",
        "SELECT a.orders, reorders.x, orders_old.y FROM a, reorders, orders_old;",
    };
    for (size_t i = 0; i < sizeof(everybodys) / sizeof(everybodys[0]); i++) {
        assert_part("orders", everybodys[i], everybodys[i]);
        assert_part("shipping", everybodys[i], everybodys[i]);
    }
    assert_part("orders", "-- the end\n\n", "");
    assert_part("orders", "", "");
}

static void a_statement_that_names_two_is_refused(void **state) {
    (void)state;
    struct buf part = {0};
    struct error error = {0};
    assert_int_equal(service_part(SLICE_LITERAL("INSERT INTO orders.a SELECT * FROM shipping.b"),
                                  &schemas, "orders", &part, &error),
                     STATUS_INVALID);
    assert_string_equal(error.text,
                        "one statement names orders and shipping, which may be in two databases");
    buf_fini(&part);
}

/* Texts that do not end are the server's to refuse. */
static void what_does_not_end_is_handed_on(void **state) {
    (void)state;
    static const char *const open[] = {"SELECT 'orders", "SELECT $$ a; b", "SELECT /* x",
                                       "SELECT \"a",     "SELECT $1; ",    "SELECT $a$ $b$"};
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        struct buf part = {0};
        struct error error = {0};
        require_ok(service_part(slice_of(open[i]), &schemas, "orders", &part, &error), &error);
        assert_true(part.len > 0);
        buf_fini(&part);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(schemas_are_those_that_the_files_make, name_schemas),
        cmocka_unit_test_setup(a_service_is_found_by_its_name_or_its_schemas, name_schemas),
        cmocka_unit_test_setup(a_statement_is_the_services_that_it_names, name_schemas),
        cmocka_unit_test_setup(a_statement_that_names_none_is_everybodys, name_schemas),
        cmocka_unit_test_setup(a_statement_that_names_two_is_refused, name_schemas),
        cmocka_unit_test_setup(what_does_not_end_is_handed_on, name_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
