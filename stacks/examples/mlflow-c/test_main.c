/* What the stack asks of the component, for which the functions here stand:
 * `cc -Isdk main.c test_main.c sdk/stack.c sdk/fake.c -lm -o test && ./test` */

#undef NDEBUG
#include <assert.h>
#include <string.h>

#include "bindings/component.h"
#include "fake.h"

static mlflow_server_settings_t declared;
static const char *refusal;

void component_string_set(component_string_t *text, const char *from) {
    *text = (component_string_t){(uint8_t *)from, strlen(from)};
}

void mlflow_server_defaults(mlflow_server_settings_t *settings) { *settings = (mlflow_server_settings_t){0}; }

bool mlflow_server_declare(component_string_t *name, mlflow_server_settings_t *settings, mlflow_server_mlflow_t *mlflow,
                           component_string_t *error) {
    (void)mlflow;
    assert(strcmp((const char *)name->ptr, "mlflow-test") == 0);
    declared = *settings;
    if (refusal != NULL) component_string_set(error, refusal);
    return refusal == NULL;
}

int main(void) {
    assert(fake_run() == NULL);
    assert(!declared.protection && !declared.backups.is_some);
    refusal = "There is no such machine.";
    assert(strstr(fake_run(), "There is no such machine.") != NULL);
    return 0;
}
