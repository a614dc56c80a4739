/* Write mlflow-host stacks in C.
 *
 * A stack is a function `stack_run` that declares resources. It runs once, in a sandbox, before any call to the cloud;
 * what it may know is its configuration. What it cannot know yet, such as the address of a service, is a token: a string
 * that goes into any property and any text. Do not cut it or change its case.
 *
 * Nothing fails on the spot: what the host refuses, and what `stack_fail` says, is remembered with the author's line, and
 * fails the run when it ends. Strings that functions give stay valid until then, and nothing has to be freed. */

#ifndef MLFLOW_HOST_H
#define MLFLOW_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Declares the stack. Every stack defines it. */
void stack_run(void);

/* --- Values of properties. One that is all zeros is left out. --- */

typedef struct {
    const char *json;
} stack_value;

/* Text as `printf` formats it. */
stack_value stack_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
stack_value stack_boolean(bool value);
stack_value stack_integer(int64_t value);
/* One of Google's 64-bit integers, which its JSON writes as strings. */
stack_value stack_long(int64_t value);
stack_value stack_number(double value);
/* Any JSON, as it is. */
stack_value stack_json(const char *json);
/* One of Google's words, which `kinds/` has as constants. */
#define stack_constant(word) ((stack_value){"\"" word "\""})
/* `stack_list(stack_text("a"), stack_text("b"))`. */
#define stack_list(...) stack_list_of((const stack_value[]){__VA_ARGS__, {0}})
/* A list of the values before the first that is all zeros. */
stack_value stack_list_of(const stack_value *items);
/* `stack_map("purpose", stack_text("artifacts"), NULL)`: names and values in turn. */
stack_value stack_map(const char *name, ...) __attribute__((sentinel));

/* Text as `printf` formats it, for names and for what is no property. */
const char *stack_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- Resources and components --- */

/* What was declared. One that is all zeros is nothing, or was refused. */
typedef struct {
    uint32_t handle;
    const char *urn;
} stack_node;

/* How a resource is to be treated. All may be left out. */
struct stack_options {
    /* The component that it belongs to. */
    stack_node parent;
    /* What must be there first, besides what the properties refer to: `stack_nodes(…)`. */
    stack_value depends_on;
    /* Refuse to delete or replace it. */
    bool protect;
    /* Leave it in the cloud when it leaves the stack. */
    bool retain_on_delete;
    /* Delete before creating when it must be replaced. */
    bool delete_first;
    /* Replace it when one of these values changes: a list. */
    stack_value replace_on;
    /* Paths of properties that are left alone after creation: a list, e.g., of `settings.tier`. */
    stack_value ignore_changes;
    /* Earlier URNs of it: a list. */
    stack_value aliases;
    /* Take over an existing resource, by its full resource name, e.g., `projects/p/global/networks/main`. */
    const char *import;
    /* How long an operation on it may take before the run goes on without it. */
    double timeout_minutes;
};

/* `stack_options(.protect = true)`, for the second argument of a kind. */
#define stack_options(...) ((struct stack_options){__VA_ARGS__})
/* `stack_nodes(network, user)`: what a resource waits for. */
#define stack_nodes(...) stack_nodes_of((const stack_node[]){__VA_ARGS__, {0, 0}})
stack_value stack_nodes_of(const stack_node *nodes);

/* A component; `kind` is of the author's choice, e.g., `mlflow:server`; `parent` may be all zeros. */
#define stack_component(kind, name, parent) (STACK_HERE, stack_component_(kind, name, parent))
/* A resource of any kind; the kinds' own names in `kinds/` are made of it. */
#define stack_declare(kind, name, options, properties) (STACK_HERE, stack_declare_(kind, name, options, properties))
/* One that exists already, to be read and never changed. */
#define stack_lookup(kind, name, properties) (STACK_HERE, stack_lookup_(kind, name, properties))
/* A token for an attribute by its path in Google's REST body, e.g., `ipAddresses[0].ipAddress`. */
#define stack_attribute(node, path) (STACK_HERE, stack_attribute_(node, path))
/* Sets an output of the stack. */
#define stack_output(name, value) (STACK_HERE, stack_output_(name, value))

/* --- Functions of values that are known only later. The host applies them; each gives a token. --- */

#define stack_base64(text) stack_call("base64", stack_list(stack_text("%s", text)))
/* The items of a list, each preceded by none but the first by the separator. */
#define stack_join(separator, ...) stack_call("join", stack_list(stack_text("%s", separator), __VA_ARGS__))
#define stack_lower(text) stack_call("lower", stack_list(stack_text("%s", text)))
#define stack_sha256(text) stack_call("sha256", stack_list(stack_text("%s", text)))
/* The value as compact JSON with sorted keys. */
#define stack_to_json(value) stack_call("json", stack_list(value))
#define stack_url_encode(text) stack_call("url-encode", stack_list(stack_text("%s", text)))
#define stack_call(name, operands) (STACK_HERE, stack_call_(name, operands))

/* --- What a stack may know --- */

struct stack_target {
    /* The stack's name, e.g., `dev`. */
    const char *name;
    /* The project's id. */
    const char *project;
    /* The region, e.g., `europe-west1`. */
    const char *region;
};
struct stack_target stack_target(void);

/* The value of a key, or NULL: a string as it is, anything else as its JSON text. */
const char *stack_config(const char *key);
/* These fail the run, and give "" or the other value, where the value does not fit. */
#define stack_config_require(key) (STACK_HERE, stack_config_require_(key))
#define stack_config_integer(key, otherwise) (STACK_HERE, stack_config_integer_(key, otherwise))
#define stack_config_boolean(key, otherwise) (STACK_HERE, stack_config_boolean_(key, otherwise))
/* A list in the file, or one string with commas; ends with NULL. Empty when the key is not set. */
#define stack_config_strings(key) (STACK_HERE, stack_config_strings_(key))
/* A token for a secret, or NULL. The program never sees its value. */
const char *stack_secret(const char *key);

/* --- Files, messages, failure --- */

struct stack_directory {
    /* The SHA-256 of its content, 64 hexadecimal digits: it changes when a file does. */
    const char *digest;
    /* A token for the packed files, for a property that takes an archive. */
    const char *archive;
};
/* Packs a directory beside the stack's file, without what the patterns in the list `ignore` match. */
#define stack_directory(path, ignore) (STACK_HERE, stack_directory_(path, ignore))

enum stack_level { STACK_DEBUG, STACK_INFO, STACK_WARNING, STACK_ERROR };
/* A message for the person who runs the stack. */
void stack_log(enum stack_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Fails the run when it ends; the sentence says what to do. */
#define stack_fail(...) (STACK_HERE, stack_fail_(__VA_ARGS__))

/* --- What the above is made of --- */

#define STACK_HERE stack_here(__FILE__, __LINE__, __func__)
void stack_here(const char *file, int line, const char *function);
/* An object from fields that are all values, and their names, which end with NULL. */
stack_value stack_fields(const stack_value *fields, const char *const *names);
stack_node stack_component_(const char *kind, const char *name, stack_node parent);
stack_node stack_declare_(const char *kind, const char *name, struct stack_options options, stack_value properties);
stack_node stack_lookup_(const char *kind, const char *name, stack_value properties);
const char *stack_attribute_(stack_node node, const char *path);
void stack_output_(const char *name, stack_value value);
const char *stack_call_(const char *name, stack_value operands);
const char *stack_config_require_(const char *key);
int64_t stack_config_integer_(const char *key, int64_t otherwise);
bool stack_config_boolean_(const char *key, bool otherwise);
const char *const *stack_config_strings_(const char *key);
struct stack_directory stack_directory_(const char *path, stack_value ignore);
void stack_fail_(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
