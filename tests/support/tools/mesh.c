/* om-test-mesh: a whole mesh (mesh.h) for tests that are not written in C. When it is ready, one
   line of JSON on standard output says how to reach it; it ends in order with standard input.

       {"url","natsPort","natsPassword","databaseUrl","environment":{...}}

   Lines of standard input kill parts and launch them again, and are answered with "done":

       kill payment
       launch payment

   The password is the operator's, the database's user the superuser, and the environment what
   another gateway of the same mesh needs. Exit code: 0 done, 1 failed. */
#include "tests/support/mesh/mesh.h"
#include "shared/base/config.h"
#include "shared/json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_password(struct json_writer *w, struct servers *servers) {
    struct error error;
    char *password;
    size_t length;
    if (config_read_file(servers_nats_password_file(servers, "operator"), &password, &length,
                         &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    json_put_string(w, "natsPassword", (struct slice){password, length});
    free(password);
}

static void put_environment(struct json_writer *w, struct servers *servers) {
    struct environment environment = {0};
    servers_service_environment(servers, "gateway", NULL, &environment);
    json_key(w, "environment");
    json_begin_object(w);
    for (int i = 0; i < environment.count; i++) {
        const char *entry = environment.entries[i], *value = strchr(entry, '=') + 1;
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(value - entry - 1), entry);
        json_put_text(w, name, value);
    }
    json_end_object(w);
    environment_fini(&environment);
}

static void say_where(struct mesh *mesh) {
    struct servers *servers = mesh_servers(mesh);
    struct buf out = {0};
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", (int)mesh_http_port(mesh));
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_put_text(&w, "url", url);
    json_put_int(&w, "natsPort", servers_port(servers, SERVER_NATS));
    put_password(&w, servers);
    json_put_text(&w, "databaseUrl", servers_postgres_url(servers));
    put_environment(&w, servers);
    json_end_object(&w);
    puts(out.ptr);
    fflush(stdout);
    buf_fini(&out);
}

static enum mesh_part part_named(const char *name) {
    for (int i = 0; i < MESH_PART_COUNT; i++)
        if (strcmp(mesh_name((enum mesh_part)i), name) == 0)
            return (enum mesh_part)i;
    fixture_fail("no part is named %s", name);
    return MESH_PART_COUNT;
}

static void obey(struct mesh *mesh, const char *line) {
    char verb[16], name[32];
    if (sscanf(line, "%15s %31s", verb, name) != 2)
        fixture_fail("not understood: %s", line);
    if (strcmp(verb, "kill") == 0)
        mesh_kill(mesh, part_named(name));
    else
        mesh_launch(mesh, part_named(name), NULL);
    puts("done");
    fflush(stdout);
}

/* So that an order may choose any; nobody listens there. */
static void offer_all_channels(char *secret_path) {
    int file = mkstemp(secret_path);
    if (file < 0 || dprintf(file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n") < 0)
        fixture_fail("%s cannot be written", secret_path);
    close(file);
    setenv("OM_NOTIFY_OFFERED", "log,smtp,webhook,sms", 1);
    setenv("OM_TEMPLATE_DIR", OM_SOURCE_DIR "/services/notification/templates", 1);
    setenv("OM_SMTP_URL", "smtp://127.0.0.1:9", 1);
    setenv("OM_WEBHOOK_URL", "http://127.0.0.1:9", 1);
    setenv("OM_WEBHOOK_SECRET_FILE", secret_path, 1);
    setenv("OM_SMS_URL", "http://127.0.0.1:9", 1);
}

int main(void) {
    char secret_path[] = "/tmp/om-webhook-XXXXXX";
    offer_all_channels(secret_path);
    struct mesh *mesh = mesh_start();
    char line[64];
    say_where(mesh);
    while (fgets(line, sizeof(line), stdin) != NULL)
        obey(mesh, line);
    mesh_stop(&mesh);
    unlink(secret_path);
    return 0;
}
