/* The calls of the contract in `wit/stack.wit`, to whichever host runs the stack: the real one in Wasm (`real.c`), a fake
 * one in tests (`fake.c`). Strings that they give stay valid until the run ends. */

#ifndef MLFLOW_HOST_CONTRACT_H
#define MLFLOW_HOST_CONTRACT_H

#include <stdbool.h>
#include <stdint.h>

#include "mlflow_host.h"

/* Why the host refused; the path may be NULL. */
struct problem {
    const char *code;
    const char *message;
    const char *path;
};

/* These tell whether the host has answered; if not, they fill in the problem. */
bool contract_declare(const char *kind, const char *name, const char *properties, const char *options, uint32_t *node,
                      struct problem *problem);
bool contract_lookup(const char *kind, const char *name, const char *properties, uint32_t *node, struct problem *problem);
bool contract_component(const char *kind, const char *name, const uint32_t *parent, uint32_t *node,
                        struct problem *problem);
bool contract_attribute(uint32_t of, const char *path, const char **token, struct problem *problem);
bool contract_call(const char *name, const char *operands, const char **token, struct problem *problem);
bool contract_output(const char *name, const char *value, struct problem *problem);
bool contract_directory(const char *path, const char *options, const char **answer, struct problem *problem);
/* NULL when the key is not set. */
const char *contract_get(const char *key);
const char *contract_secret(const char *key);
struct stack_target contract_target(void);
void contract_log(enum stack_level level, const char *message);

/* Runs the stack; gives what is wrong, with the author's lines, or NULL. */
const char *stack_start(void);

#endif
