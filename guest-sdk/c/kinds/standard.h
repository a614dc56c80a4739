/* Kinds without an API behind them. Written by hand: the host, not Google, describes them. */

#ifndef MLFLOW_HOST_STANDARD_H
#define MLFLOW_HOST_STANDARD_H

#include "../mlflow_host.h"

/* A value that becomes the attribute `value`, e.g., to replace resources when it changes. */
#define standard_value(name, options, ...) \
    stack_declare("std/Value", name, options, stack_map("value", __VA_ARGS__, NULL))

/* Random letters, the attribute `result`, chosen once and known before anything is created: `length` of them (6 when not
 * set) after a prefix. */
struct standard_random_id {
    stack_value length;
    stack_value prefix;
};
static const char *const standard_random_id_fields[] = {"length", "prefix", 0};
#define standard_random_id(name, options, ...)      \
    stack_declare("std/RandomId", name, options,    \
                  stack_fields((const stack_value *)&(struct standard_random_id){__VA_ARGS__}, standard_random_id_fields))

/* A random password, the attribute `result`, made once and kept sealed in the state: `length` characters (32 when not
 * set), with `special` ones among them unless that is false. */
struct standard_random_password {
    stack_value length;
    stack_value special;
};
static const char *const standard_random_password_fields[] = {"length", "special", 0};
#define standard_random_password(name, options, ...)      \
    stack_declare("std/RandomPassword", name, options,    \
                  stack_fields((const stack_value *)&(struct standard_random_password){__VA_ARGS__}, \
                               standard_random_password_fields))

/* Another stack of the same cloud and project: its attributes are the outputs of that stack, by their names. */
#define standard_stack_reference_lookup(name, stack) \
    stack_lookup("std/StackReference", name, stack_map("stack", stack_text("%s", stack), NULL))

#endif
