/* Runs a stack against a fake host that records what it is told. For unit tests of stacks:
 *
 *     fake_config("whom", "Ada");
 *     assert(fake_run() == NULL);
 *     assert(fake_has("std/Value::greeting", "\"value\":\"Hello Ada\""));
 *
 * The fake checks nothing; `mlflow-host preview --offline` does. Tokens read `${URN#path}`, `${secret:KEY}`,
 * `${asset:PATH}` and `${FUNCTION[OPERANDS]}`. The stack is `test`, in `test-project` and `europe-west1`. */

#ifndef MLFLOW_HOST_FAKE_H
#define MLFLOW_HOST_FAKE_H

#include <stdbool.h>
#include <stddef.h>

/* Sets a key of the configuration, as text, for the runs that follow. */
void fake_config(const char *key, const char *value);
/* Sets a secret. It needs no value, for a stack never sees one. */
void fake_secret(const char *key);
/* Runs the stack; gives what is wrong, or NULL. What an earlier run declared is forgotten. */
const char *fake_run(void);
/* How many resources were declared or looked up. */
size_t fake_count(void);
/* The properties of the resource with this URN, or the value of the output with this name, as JSON; NULL without. */
const char *fake_properties(const char *urn);
const char *fake_output(const char *name);
/* The options as the contract spells them, with URNs for nodes. */
const char *fake_options(const char *urn);
/* Whether the properties of a resource hold this piece of JSON. */
bool fake_has(const char *urn, const char *json);

#endif
