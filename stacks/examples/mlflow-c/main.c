/* MLflow on Google Cloud, all of it, from C: stacks/dev and stacks/prod in one, by means of their component. */

#include <string.h>

#include "bindings/component.h"
#include "mlflow_host.h"

void stack_run(void) {
    const char *stack = stack_target().name;
    mlflow_server_settings_t settings;
    mlflow_server_defaults(&settings);
    if (strcmp(stack, "prod") == 0) {
        settings.size = MLFLOW_SERVER_SIZE_LARGE;
        settings.availability = MLFLOW_SERVER_AVAILABILITY_REGIONAL;
        settings.backups.is_some = true;
        settings.backups.val = (mlflow_server_backups_t){.nights = 14, .log_days = 7};
        settings.minimum_instances = 1;
        settings.maximum_instances = 5;
        settings.protection = true;
    }
    component_string_t name, error;
    component_string_set(&name, stack_format("mlflow-%s", stack));
    mlflow_server_mlflow_t mlflow;
    if (!mlflow_server_declare(&name, &settings, &mlflow, &error)) stack_fail("%s", (const char *)error.ptr);
}
