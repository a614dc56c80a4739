/* The host that runs the component. Strings cross as the component model's canonical ABI lowers them: as their address
 * and length; what is more than one number is written to the address of the last argument. */

#ifdef __wasm__

#include <stdlib.h>
#include <string.h>

#include "contract.h"

#define IMPORT(interface, name) \
    __attribute__((import_module("mlflow-host:stack/" interface "@0.1.0"), import_name(name))) extern void
#define TEXT const char *, size_t
#define GIVE(text) text, strlen(text)

struct text {
    const char *start;
    uint32_t length;
};
struct text_option {
    uint8_t given;
    struct text text;
};
/* `result<T, problem>`: a node or a token lies where the problem begins. */
struct result {
    uint8_t refused;
    union {
        uint32_t node;
        struct text token;
        struct {
            struct text code, message;
            struct text_option path;
        } problem;
    } is;
};
/* `result<string, string>`, and `result<_, string>` of the export. */
struct text_result {
    uint8_t refused;
    struct text text;
};

IMPORT("graph", "declare") import_declare(TEXT, TEXT, TEXT, TEXT, struct result *);
IMPORT("graph", "lookup") import_lookup(TEXT, TEXT, TEXT, struct result *);
IMPORT("graph", "component") import_component(TEXT, TEXT, int32_t, uint32_t, struct result *);
IMPORT("graph", "attribute") import_attribute(uint32_t, TEXT, struct result *);
IMPORT("graph", "call") import_call(TEXT, TEXT, struct result *);
IMPORT("graph", "output") import_output(TEXT, TEXT, struct result *);
IMPORT("config", "get") import_get(TEXT, struct text_option *);
IMPORT("config", "secret") import_secret(TEXT, struct text_option *);
IMPORT("config", "stack") import_stack(struct text[3]);
IMPORT("assets", "directory") import_directory(TEXT, TEXT, struct text_result *);
IMPORT("log", "write") import_write(int32_t, TEXT);

/* The host asks for memory here, and writes strings into it; one byte more than it asks for ends them. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)align;
    char *memory = realloc(old, size + 1);
    if (memory == NULL) __builtin_trap();
    if (size >= old_size) memset(memory + old_size, 0, size + 1 - old_size);
    return memory;
}

static const char *ended(struct text text) { return text.length == 0 ? "" : text.start; }

static bool answered(const struct result *result, struct problem *problem) {
    if (!result->refused) return true;
    problem->code = ended(result->is.problem.code);
    problem->message = ended(result->is.problem.message);
    problem->path = result->is.problem.path.given ? ended(result->is.problem.path.text) : NULL;
    return false;
}

bool contract_declare(const char *kind, const char *name, const char *properties, const char *options, uint32_t *node,
                      struct problem *problem) {
    struct result result;
    import_declare(GIVE(kind), GIVE(name), GIVE(properties), GIVE(options), &result);
    *node = result.is.node;
    return answered(&result, problem);
}

bool contract_lookup(const char *kind, const char *name, const char *properties, uint32_t *node,
                     struct problem *problem) {
    struct result result;
    import_lookup(GIVE(kind), GIVE(name), GIVE(properties), &result);
    *node = result.is.node;
    return answered(&result, problem);
}

bool contract_component(const char *kind, const char *name, const uint32_t *parent, uint32_t *node,
                        struct problem *problem) {
    struct result result;
    import_component(GIVE(kind), GIVE(name), parent != NULL, parent == NULL ? 0 : *parent, &result);
    *node = result.is.node;
    return answered(&result, problem);
}

bool contract_attribute(uint32_t of, const char *path, const char **token, struct problem *problem) {
    struct result result;
    import_attribute(of, GIVE(path), &result);
    *token = ended(result.is.token);
    return answered(&result, problem);
}

bool contract_call(const char *name, const char *operands, const char **token, struct problem *problem) {
    struct result result;
    import_call(GIVE(name), GIVE(operands), &result);
    *token = ended(result.is.token);
    return answered(&result, problem);
}

bool contract_output(const char *name, const char *value, struct problem *problem) {
    struct result result;
    import_output(GIVE(name), GIVE(value), &result);
    return answered(&result, problem);
}

bool contract_directory(const char *path, const char *options, const char **answer, struct problem *problem) {
    struct text_result result;
    import_directory(GIVE(path), GIVE(options), &result);
    *answer = ended(result.text);
    *problem = (struct problem){"asset", *answer, NULL};
    return !result.refused;
}

const char *contract_get(const char *key) {
    struct text_option result;
    import_get(GIVE(key), &result);
    return result.given ? ended(result.text) : NULL;
}

const char *contract_secret(const char *key) {
    struct text_option result;
    import_secret(GIVE(key), &result);
    return result.given ? ended(result.text) : NULL;
}

struct stack_target contract_target(void) {
    struct text result[3];
    import_stack(result);
    return (struct stack_target){ended(result[0]), ended(result[1]), ended(result[2])};
}

void contract_log(enum stack_level level, const char *message) { import_write(level, GIVE(message)); }

/* It outlives the call. */
static struct text_result outcome;

__attribute__((export_name("run"))) struct text_result *export_run(void) {
    const char *wrong = stack_start();
    if (wrong != NULL) outcome = (struct text_result){1, {wrong, strlen(wrong)}};
    return &outcome;
}

#endif
