/* What the stack declares: `cc -Isdk main.c test_main.c sdk/stack.c sdk/fake.c -o test && ./test` */

#undef NDEBUG
#include <assert.h>
#include <stddef.h>

#include "fake.h"

int main(void) {
    fake_config("invokers", "allUsers");
    assert(fake_run() == NULL);
    assert(fake_has("run.googleapis.com/Service::mlflow",
                    "postgresql+psycopg2://mlflow@${sqladmin.googleapis.com/Instance::mlflow#ipAddresses[0].ipAddress}:5432/"
                    "${sqladmin.googleapis.com/Database::mlflow#resourceId}"));
    assert(fake_has("run.googleapis.com/ServiceIamMember::invoker-allUsers", "\"member\":\"allUsers\""));
    return 0;
}
