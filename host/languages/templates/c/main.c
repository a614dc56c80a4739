/* A bucket for artifacts, and who may read them. */

#include <string.h>

#include "kinds/storage.h"

void stack_run(void) {
    struct stack_target target = stack_target();
    bool keep = strcmp(target.name, "prod") == 0;
    stack_node bucket =
        storage_bucket("artifacts", stack_options(.protect = keep), .location = stack_text("%s", target.region));
    int index = 0;
    for (const char *const *reader = stack_config_strings("readers"); *reader != NULL; reader++, index++) {
        storage_bucket_iam_member(stack_format("reader-%d", index), stack_options(),
                                  .bucket = stack_text("%s", stack_attribute(bucket, "resourceId")),
                                  .role = stack_text("roles/storage.objectViewer"),
                                  .member = stack_text("%s", *reader));
    }
    stack_output("artifacts", stack_text("gs://%s", stack_attribute(bucket, "name")));
}
