/* Values, declarations, and the way into a stack. The same for every host. */

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

/* Stands for the value that a refused call would have given. The host accepts it in a run that fails anyway. */
#define NOTHING "\xee\x80\x80\xee\x80\x81"

/* --- Text --- */

struct buffer {
    char *text;
    size_t length, size;
};

static void add_bytes(struct buffer *buffer, const char *text, size_t length) {
    if (buffer->length + length + 1 > buffer->size) {
        buffer->size = 2 * (buffer->length + length + 1);
        buffer->text = realloc(buffer->text, buffer->size);
        if (buffer->text == NULL) abort();
    }
    memcpy(buffer->text + buffer->length, text, length);
    buffer->length += length;
    buffer->text[buffer->length] = 0;
}

static void add(struct buffer *buffer, const char *text) { add_bytes(buffer, text, strlen(text)); }

static void add_quoted(struct buffer *buffer, const char *text) {
    add(buffer, "\"");
    for (const char *at = text; *at != 0; at++) {
        char escaped[8];
        if (*at == '"' || *at == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", *at);
            add(buffer, escaped);
        } else if ((unsigned char)*at < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*at);
            add(buffer, escaped);
        } else {
            add_bytes(buffer, at, 1);
        }
    }
    add(buffer, "\"");
}

static char *formatted(const char *format, va_list words) {
    va_list again;
    va_copy(again, words);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = malloc((size_t)length + 1);
    if (length < 0 || text == NULL) abort();
    vsnprintf(text, (size_t)length + 1, format, words);
    return text;
}

const char *stack_format(const char *format, ...) {
    va_list words;
    va_start(words, format);
    char *text = formatted(format, words);
    va_end(words);
    return text;
}

/* --- Values --- */

static stack_value quoted(const char *text) {
    struct buffer buffer = {0};
    add_quoted(&buffer, text);
    return (stack_value){buffer.text};
}

stack_value stack_text(const char *format, ...) {
    va_list words;
    va_start(words, format);
    char *text = formatted(format, words);
    va_end(words);
    stack_value value = quoted(text);
    free(text);
    return value;
}

stack_value stack_boolean(bool value) { return (stack_value){value ? "true" : "false"}; }
stack_value stack_integer(int64_t value) { return (stack_value){stack_format("%lld", (long long)value)}; }
stack_value stack_long(int64_t value) { return (stack_value){stack_format("\"%lld\"", (long long)value)}; }
stack_value stack_json(const char *json) { return (stack_value){json}; }

stack_value stack_number(double value) {
    if (!isfinite(value)) stack_fail("A number of a property is not finite.");
    return (stack_value){isfinite(value) ? stack_format("%.17g", value) : "0"};
}

stack_value stack_list_of(const stack_value *items) {
    struct buffer buffer = {0};
    add(&buffer, "[");
    for (const stack_value *item = items; item->json != NULL; item++) {
        if (item != items) add(&buffer, ",");
        add(&buffer, item->json);
    }
    add(&buffer, "]");
    return (stack_value){buffer.text};
}

static void add_field(struct buffer *buffer, const char *name, stack_value value) {
    if (value.json == NULL) return;
    add(buffer, buffer->length == 1 ? "" : ",");
    add_quoted(buffer, name);
    add(buffer, ":");
    add(buffer, value.json);
}

stack_value stack_map(const char *name, ...) {
    struct buffer buffer = {0};
    add(&buffer, "{");
    va_list rest;
    va_start(rest, name);
    for (const char *at = name; at != NULL; at = va_arg(rest, const char *)) {
        add_field(&buffer, at, va_arg(rest, stack_value));
    }
    va_end(rest);
    add(&buffer, "}");
    return (stack_value){buffer.text};
}

stack_value stack_fields(const stack_value *fields, const char *const *names) {
    struct buffer buffer = {0};
    add(&buffer, "{");
    for (; *names != NULL; names++, fields++) add_field(&buffer, *names, *fields);
    add(&buffer, "}");
    return (stack_value){buffer.text};
}

stack_value stack_nodes_of(const stack_node *nodes) {
    struct buffer buffer = {0};
    add(&buffer, "[");
    /* One that was refused has a URN, but no handle. */
    for (const stack_node *node = nodes; node->handle != 0 || node->urn != NULL; node++) {
        if (node->handle == 0) continue;
        if (buffer.length > 1) add(&buffer, ",");
        add(&buffer, stack_format("%u", node->handle - 1));
    }
    add(&buffer, "]");
    return (stack_value){buffer.text};
}

/* --- What is wrong, and where --- */

static struct buffer failures;
static const char *here = "an unknown line";

void stack_here(const char *file, int line, const char *function) {
    const char *name = strrchr(file, '/');
    here = stack_format("%s:%d in %s", name == NULL ? file : name + 1, line, function);
}

static void failed(const char *what) {
    if (failures.length > 0) add(&failures, "\n");
    add(&failures, what);
}

void stack_fail_(const char *format, ...) {
    va_list words;
    va_start(words, format);
    char *sentence = formatted(format, words);
    va_end(words);
    failed(stack_format("%s\n    %s", sentence, here));
}

static void refused(const char *what, const struct problem *problem) {
    const char *path = problem->path == NULL ? "" : stack_format(" `%s`", problem->path);
    failed(stack_format("the host refused what this line declares\n    %s: %s%s (%s)", here, what, path, problem->code));
}

const char *stack_start(void) {
    failures.length = 0;
    stack_run();
    return failures.length > 0 ? failures.text : NULL;
}

/* --- Resources and components --- */

static stack_node node(bool answered, const char *urn, uint32_t number, const struct problem *problem) {
    if (!answered) refused(urn, problem);
    return (stack_node){answered ? number + 1 : 0, urn};
}

stack_node stack_component_(const char *kind, const char *name, stack_node parent) {
    uint32_t number, above = parent.handle - 1;
    struct problem problem;
    bool answered = contract_component(kind, name, parent.handle == 0 ? NULL : &above, &number, &problem);
    return node(answered, stack_format("%s::%s", kind, name), number, &problem);
}

/* The options as the contract spells them. */
static const char *spelt(struct stack_options options) {
    struct buffer buffer = {0};
    stack_value yes = stack_boolean(true), none = {0};
    add(&buffer, "{");
    add_field(&buffer, "parent", options.parent.handle == 0 ? none : stack_integer(options.parent.handle - 1));
    /* An empty list is none. */
    bool waits = options.depends_on.json != NULL && strcmp(options.depends_on.json, "[]") != 0;
    add_field(&buffer, "dependsOn", waits ? options.depends_on : none);
    add_field(&buffer, "protect", options.protect ? yes : none);
    add_field(&buffer, "retainOnDelete", options.retain_on_delete ? yes : none);
    add_field(&buffer, "deleteFirst", options.delete_first ? yes : none);
    add_field(&buffer, "replaceOn", options.replace_on);
    add_field(&buffer, "ignoreChanges", options.ignore_changes);
    add_field(&buffer, "aliases", options.aliases);
    add_field(&buffer, "import", options.import == NULL ? none : quoted(options.import));
    add_field(&buffer, "timeoutMinutes", options.timeout_minutes == 0 ? none : stack_number(options.timeout_minutes));
    add(&buffer, "}");
    return buffer.text;
}

stack_node stack_declare_(const char *kind, const char *name, struct stack_options options, stack_value properties) {
    uint32_t number;
    struct problem problem;
    bool answered = contract_declare(kind, name, properties.json, spelt(options), &number, &problem);
    return node(answered, stack_format("%s::%s", kind, name), number, &problem);
}

stack_node stack_lookup_(const char *kind, const char *name, stack_value properties) {
    uint32_t number;
    struct problem problem;
    bool answered = contract_lookup(kind, name, properties.json, &number, &problem);
    return node(answered, stack_format("%s::%s", kind, name), number, &problem);
}

static const char *token(bool answered, const char *what, const char *given, const struct problem *problem) {
    if (answered) return given;
    refused(what, problem);
    return NOTHING;
}

const char *stack_attribute_(stack_node of, const char *path) {
    if (of.handle == 0) return NOTHING;
    const char *given;
    struct problem problem;
    bool answered = contract_attribute(of.handle - 1, path, &given, &problem);
    return token(answered, of.urn, given, &problem);
}

const char *stack_call_(const char *name, stack_value operands) {
    const char *given;
    struct problem problem;
    bool answered = contract_call(name, operands.json, &given, &problem);
    return token(answered, stack_format("the call of `%s`", name), given, &problem);
}

void stack_output_(const char *name, stack_value value) {
    struct problem problem;
    if (value.json == NULL || contract_output(name, value.json, &problem)) return;
    refused(stack_format("the output `%s`", name), &problem);
}

/* --- What a stack may know --- */

struct stack_target stack_target(void) { return contract_target(); }
const char *stack_config(const char *key) { return contract_get(key); }
const char *stack_secret(const char *key) { return contract_secret(key); }

const char *stack_config_require_(const char *key) {
    const char *text = contract_get(key);
    if (text != NULL) return text;
    stack_fail_("The configuration key `%s` is not set: run `mlflow-host config set %s VALUE`.", key, key);
    return "";
}

static void unfit(const char *key, const char *expected, const char *text) {
    stack_fail_("The configuration key `%s` must be %s, not `%s`.", key, expected, text);
}

int64_t stack_config_integer_(const char *key, int64_t otherwise) {
    const char *text = contract_get(key);
    if (text == NULL) return otherwise;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end != text && *end == 0 && errno == 0) return value;
    unfit(key, "a whole number", text);
    return otherwise;
}

bool stack_config_boolean_(const char *key, bool otherwise) {
    const char *text = contract_get(key);
    if (text == NULL) return otherwise;
    bool yes = strcmp(text, "true") == 0;
    if (yes || strcmp(text, "false") == 0) return yes;
    unfit(key, "`true` or `false`", text);
    return otherwise;
}

/* Reads a JSON string without its first quote, in place; gives what follows it, or NULL. */
static char *unquote(char *from, char **text) {
    char *to = *text = from;
    for (; *from != '"'; from++) {
        if (*from == 0) return NULL;
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        from++;
        const char *letter = strchr("\"\"\\\\//n\nt\tr\rb\bf\f", *from);
        /* Others, such as \u00e9, do not come from the host, which writes UTF-8. */
        if (*from == 0 || letter == NULL) return NULL;
        *to++ = letter[1];
    }
    *to = 0;
    return from + 1;
}

const char *const *stack_config_strings_(const char *key) {
    const char *value = contract_get(key);
    const char *text = value == NULL ? "" : value;
    /* Not more items than commas and one, and the end. */
    size_t most = 2;
    for (const char *at = text; *at != 0; at++) most += *at == ',';
    const char **items = calloc(most, sizeof *items);
    char *copy = (char *)stack_format("%s", text);
    size_t count = 0;
    if (*text != '[') {
        for (char *item = strtok(copy, ","); item != NULL; item = strtok(NULL, ",")) {
            item += strspn(item, " ");
            for (char *end = item + strlen(item); end > item && end[-1] == ' ';) *--end = 0;
            if (*item != 0) items[count++] = item;
        }
        return items;
    }
    char *at = copy + 1;
    while (at != NULL && *(at += strspn(at, " ,\n")) == '"') {
        char *item;
        at = unquote(at + 1, &item);
        if (at != NULL) items[count++] = item;
    }
    if (at == NULL || *at != ']') unfit(key, "a list of strings", text);
    return items;
}

/* --- Files and messages --- */

/* The text of a field of a flat JSON object that the host wrote. */
static const char *field(const char *object, const char *name) {
    char *at = strstr(object, stack_format("\"%s\"", name));
    char *text = NULL;
    if (at == NULL) return NOTHING;
    at += strlen(name) + 2;
    at += strspn(at, " :");
    if (*at != '"' || unquote((char *)stack_format("%s", at + 1), &text) == NULL) return NOTHING;
    return text;
}

struct stack_directory stack_directory_(const char *path, stack_value ignore) {
    struct problem problem;
    const char *answer;
    const char *options = ignore.json == NULL ? "{}" : stack_format("{\"ignore\":%s}", ignore.json);
    if (!contract_directory(path, options, &answer, &problem)) {
        stack_fail_("%s", problem.message);
        return (struct stack_directory){"", NOTHING};
    }
    return (struct stack_directory){field(answer, "digest"), field(answer, "archive")};
}

void stack_log(enum stack_level level, const char *format, ...) {
    va_list words;
    va_start(words, format);
    char *message = formatted(format, words);
    va_end(words);
    contract_log(level, message);
    free(message);
}
