/* Tests of the SDK, against its fake host. */

#undef NDEBUG
#include <assert.h>
#include <string.h>

#include "fake.h"
#include "kinds/iam.h"
#include "kinds/run.h"
#include "kinds/standard.h"

static void values(void) {
    stack_value list = stack_list(stack_text("a \"%s\"\n", "b\\"), stack_integer(-1), stack_long(10), stack_boolean(true));
    assert(strcmp(list.json, "[\"a \\\"b\\\\\\\"\\u000a\",-1,\"10\",true]") == 0);
    assert(strcmp(stack_list(RUN_SERVICE_INGRESS_INGRESS_TRAFFIC_ALL).json, "[\"INGRESS_TRAFFIC_ALL\"]") == 0);
    assert(strcmp(stack_map("a", stack_number(0.5), "left out", (stack_value){0}, "b", list, NULL).json,
                  stack_format("{\"a\":0.5,\"b\":%s}", list.json)) == 0);
}

static void declarations(void) {
    stack_node group = stack_component("test:group", "all", (stack_node){0});
    stack_node id = standard_random_id("id", stack_options(0), .length = stack_integer(8));
    standard_random_id("as long", stack_options(0), .length = stack_text("%s", stack_attribute(id, "length")));
    stack_node account = iam_service_account(
        "server",
        stack_options(.parent = group, .depends_on = stack_nodes(id), .protect = true, .import = "projects/p/x",
                      .ignore_changes = stack_list(stack_text("description")), .timeout_minutes = 90),
        .display_name = stack_text("%s, %s", stack_attribute(id, "result"), stack_sha256("x")));
    stack_output("email", stack_text("%s", stack_attribute(account, "email")));
    stack_node other = standard_stack_reference_lookup("net", "network");
    stack_output("network", stack_text("%s", stack_attribute(other, "name")));
}

static void configuration(void) {
    const char *const *items = stack_config_strings("plain");
    assert(strcmp(items[0], "a") == 0 && strcmp(items[1], "b c") == 0 && items[2] == NULL);
    items = stack_config_strings("list");
    assert(strcmp(items[0], "a, b") == 0 && strcmp(items[1], "\"") == 0 && items[2] == NULL);
    assert(stack_config_strings("absent")[0] == NULL);
    assert(stack_config_integer("three", 1) == 3 && stack_config_integer("absent", 1) == 1);
    assert(stack_config_boolean("yes", false) && !stack_config_boolean("absent", false));
    assert(strcmp(stack_secret("key"), "${secret:key}") == 0 && stack_secret("absent") == NULL);
    assert(strcmp(stack_target().region, "europe-west1") == 0);
    struct stack_directory image = stack_directory("image", (stack_value){0});
    assert(strlen(image.digest) == 64 && strcmp(image.archive, "${asset:image}") == 0);
}

static int wrong_line;

static void mistakes(void) {
    wrong_line = __LINE__ + 1;
    assert(stack_config_integer("plain", 7) == 7);
    stack_config_require("absent");
}

static void (*running)(void);
void stack_run(void) { running(); }

int main(void) {
    values();

    running = declarations;
    assert(fake_run() == NULL);
    assert(fake_count() == 4);
    assert(fake_has("std/RandomId::as long", "{\"length\":\"${std/RandomId::id#length}\"}"));
    assert(fake_has("iam.googleapis.com/ServiceAccount::server",
                    "{\"displayName\":\"${std/RandomId::id#result}, ${sha256[\\\"x\\\"]}\"}"));
    assert(strcmp(fake_options("iam.googleapis.com/ServiceAccount::server"),
                  "{\"parent\":\"test:group::all\",\"dependsOn\":[\"std/RandomId::id\"],\"protect\":true,"
                  "\"ignoreChanges\":[\"description\"],\"import\":\"projects/p/x\",\"timeoutMinutes\":90}") == 0);
    assert(strcmp(fake_output("email"), "\"${iam.googleapis.com/ServiceAccount::server#email}\"") == 0);
    assert(fake_has("std/StackReference::net", "{\"stack\":\"network\"}"));

    fake_config("plain", " a,b c ,");
    fake_config("list", "[\"a, b\", \"\\\"\"]");
    fake_config("three", "3");
    fake_config("yes", "true");
    fake_secret("key");
    running = configuration;
    assert(fake_run() == NULL);

    running = mistakes;
    const char *wrong = fake_run();
    assert(strstr(wrong, "`plain` must be a whole number, not ` a,b c ,`."));
    assert(strstr(wrong, stack_format("test_sdk.c:%d in mistakes", wrong_line)));
    assert(strstr(wrong, "`absent` is not set: run `mlflow-host config set absent VALUE`."));
    return 0;
}
