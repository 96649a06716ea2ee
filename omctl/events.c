#include "omctl/events.h"

#include "shared/contract/event.h"

#include <stdio.h>
#include <string.h>

static void put_event(struct json_writer *w, enum event_type type) {
    const struct event_info *info = event_info(type);
    struct buf schema = {0};
    event_schema(type, &schema);
    json_begin_object(w);
    json_put_text(w, "type", info->type);
    json_put_text(w, "subject", info->subject);
    json_put_text(w, "stream", info->stream);
    json_put_text(w, "source", info->source);
    json_put_int(w, "version", info->version);
    json_put_string(w, "dataschema", buf_slice(&schema));
    json_end_object(w);
    buf_fini(&schema);
}

static void print_json(void) {
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    json_begin_array(&w);
    for (int i = 0; i < EVENT_TYPE_COUNT; i++)
        put_event(&w, (enum event_type)i);
    json_end_array(&w);
    puts(out.ptr);
    buf_fini(&out);
}

static void print_text(void) {
    printf("%-42s %-31s %-14s %s\n", "TYPE", "SUBJECT", "STREAM", "SOURCE");
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        const struct event_info *info = event_info((enum event_type)i);
        printf("%-42s %-31s %-14s %s\n", info->type, info->subject, info->stream, info->source);
    }
}

int events_command(const struct omctl_config *config, int argc, char **argv) {
    const char *format = "text";
    const struct command_option options[] = {{.name = "--format", .value = &format}};
    struct error error;
    (void)config;
    enum status status = command_parse(options, 1, argc, argv, &error);
    bool is_json = strcmp(format, "json") == 0;
    if (status == STATUS_OK && !is_json && strcmp(format, "text") != 0)
        status = error_set(&error, STATUS_INVALID, "--format %s: neither text nor json", format);
    if (status != STATUS_OK) {
        (void)command_failed("events", &error);
        return COMMAND_USAGE;
    }
    if (is_json)
        print_json();
    else
        print_text();
    return COMMAND_DONE;
}
