/* A small MLflow, declared resource by resource. The examples in the other languages declare the same graph. */

#include <string.h>

#include "kinds/cloudresourcemanager.h"
#include "kinds/compute.h"
#include "kinds/iam.h"
#include "kinds/run.h"
#include "kinds/secretmanager.h"
#include "kinds/servicenetworking.h"
#include "kinds/serviceusage.h"
#include "kinds/sqladmin.h"
#include "kinds/standard.h"
#include "kinds/storage.h"

/* Belongs to the component, and waits for others. */
#define IN stack_options(.parent = group)
#define IN_AFTER(...) stack_options(.parent = group, .depends_on = stack_nodes(__VA_ARGS__))
#define ID(node) stack_text("%s", stack_attribute(node, "resourceId"))
#define ENABLED(api) serviceusage_service(api, IN, .name = stack_text("%s.googleapis.com", api))

void stack_run(void) {
    struct stack_target target = stack_target();
    stack_node group = stack_component("example:mlflow", "mlflow", (stack_node){0});
    stack_node compute = ENABLED("compute");
    stack_node iam = ENABLED("iam");
    stack_node run = ENABLED("run");
    stack_node secrets = ENABLED("secretmanager");
    stack_node networking = ENABLED("servicenetworking");
    stack_node sql = ENABLED("sqladmin");
    stack_node storage = ENABLED("storage");

    /* A network through which the server reaches the database. */
    stack_node network =
        compute_network("mlflow", IN_AFTER(compute), .auto_create_subnetworks = stack_boolean(false));
    stack_value network_link = stack_text("%s", stack_attribute(network, "selfLink"));
    stack_node subnetwork =
        compute_subnetwork("mlflow", IN, .network = network_link, .ip_cidr_range = stack_text("10.8.0.0/24"),
                           .private_ip_google_access = stack_boolean(true));
    stack_node range =
        compute_global_address("services", IN, .network = network_link,
                               .purpose = COMPUTE_GLOBAL_ADDRESS_PURPOSE_VPC_PEERING,
                               .address_type = COMPUTE_GLOBAL_ADDRESS_ADDRESS_TYPE_INTERNAL,
                               .prefix_length = stack_integer(20));
    stack_value path = stack_text("projects/%s/global/networks/%s", target.project, stack_attribute(network, "resourceId"));
    stack_node connection = servicenetworking_connection("services", IN_AFTER(networking), .network = path,
                                                         .reserved_peering_ranges = stack_list(ID(range)));

    /* The database, and a password that nobody types or sees. */
    stack_value address_settings =
        sqladmin_ip_configuration(.ipv4_enabled = stack_boolean(false), .private_network = path,
                                  .ssl_mode = SQLADMIN_IP_CONFIGURATION_SSL_MODE_ENCRYPTED_ONLY);
    stack_value settings =
        sqladmin_settings(.tier = stack_text("db-f1-micro"), .edition = SQLADMIN_SETTINGS_EDITION_ENTERPRISE,
                          .data_disk_size_gb = stack_long(10), .ip_configuration = address_settings);
    stack_node instance = sqladmin_instance("mlflow", IN_AFTER(sql, connection), .settings = settings,
                                            .database_version = SQLADMIN_INSTANCE_DATABASE_VERSION_POSTGRES_17);
    stack_node database =
        sqladmin_database("mlflow", IN, .instance = ID(instance), .name = stack_text("mlflow"));
    stack_node password =
        standard_random_password("password", IN, .length = stack_integer(32), .special = stack_boolean(false));
    stack_value password_text = stack_text("%s", stack_attribute(password, "result"));
    stack_node user = sqladmin_user("mlflow", IN, .instance = ID(instance), .name = stack_text("mlflow"),
                                    .password = password_text);
    stack_value automatic = secretmanager_replication(.automatic = secretmanager_automatic());
    stack_node secret = secretmanager_secret("password", IN_AFTER(secrets), .replication = automatic);
    stack_node version = secretmanager_secret_version("password", IN, .secret = ID(secret),
                                                      .payload = secretmanager_secret_payload(.data = password_text));

    /* The artifacts, and who may touch them. */
    stack_node account = iam_service_account("server", IN_AFTER(iam), .display_name = stack_text("Runs MLflow"));
    stack_value email = stack_text("%s", stack_attribute(account, "email"));
    stack_value member = stack_text("serviceAccount:%s", stack_attribute(account, "email"));
    stack_node bucket =
        storage_bucket("artifacts", IN_AFTER(storage), .location = stack_text("%s", target.region),
                       .labels = stack_map("purpose", stack_text("artifacts"), NULL),
                       .soft_delete_policy = storage_bucket_soft_delete_policy(.retention_duration_seconds = stack_long(0)),
                       .force_destroy = stack_boolean(true));
    stack_node bucket_access = storage_bucket_iam_member(
        "artifacts", IN, .bucket = ID(bucket), .role = stack_text("roles/storage.objectUser"), .member = member);
    stack_node secret_access =
        secretmanager_secret_iam_member("password", IN, .secret = ID(secret),
                                        .role = stack_text("roles/secretmanager.secretAccessor"), .member = member);

    /* The server. */
    stack_node project = cloudresourcemanager_project_lookup("project");
    const char *number = stack_attribute(project, "projectNumber");
    const char *hosts =
        stack_join(",", stack_text("mlflow-%s.%s.run.app", number, target.region), stack_text("localhost:*"));
    const char *address = stack_attribute(instance, "ipAddresses[0].ipAddress");
    const char *bucket_name = stack_attribute(bucket, "name");
    stack_value uri =
        stack_text("postgresql+psycopg2://mlflow@%s:5432/%s", address, stack_attribute(database, "resourceId"));
    const char *image = stack_config("image");
    stack_value container = run_container(
        .image = stack_text("%s", image == NULL ? "us-docker.pkg.dev/cloudrun/container/hello" : image),
        .env = stack_list(
            run_env_var(.name = stack_text("MLFLOW_BACKEND_STORE_URI"), .value = uri),
            run_env_var(.name = stack_text("MLFLOW_ARTIFACTS_DESTINATION"), .value = stack_text("gs://%s", bucket_name)),
            run_env_var(.name = stack_text("MLFLOW_SERVER_ALLOWED_HOSTS"), .value = stack_text("%s", hosts)),
            run_env_var(.name = stack_text("PGPASSWORD"),
                        .value_source = run_env_var_source(.secret_key_ref = run_secret_key_selector(
                                                               .secret = ID(secret), .version = ID(version))))));
    int64_t maximum = stack_config_integer("maximum-instances", 1);
    stack_value template = run_revision_template(
        .containers = stack_list(container), .service_account = email,
        .scaling = run_revision_scaling(.max_instance_count = stack_integer(maximum)),
        .vpc_access = run_vpc_access(.network_interfaces = stack_list(run_network_interface(
                                         .network = ID(network), .subnetwork = ID(subnetwork))),
                                     .egress = RUN_VPC_ACCESS_EGRESS_PRIVATE_RANGES_ONLY));
    struct stack_options how = IN_AFTER(run, user, bucket_access, secret_access);
    how.protect = strcmp(target.name, "prod") == 0;
    stack_node service = run_service("mlflow", how, .name = stack_text("mlflow"),
                                     .ingress = RUN_SERVICE_INGRESS_INGRESS_TRAFFIC_ALL, .template = template);
    for (const char *const *invoker = stack_config_strings("invokers"); *invoker != NULL; invoker++) {
        char *name = (char *)stack_format("invoker-%s", *invoker);
        for (char *at; (at = strpbrk(name, ":@")) != NULL;) *at = '-';
        run_service_iam_member(name, IN, .service = ID(service), .role = stack_text("roles/run.invoker"),
                               .member = stack_text("%s", *invoker));
    }

    stack_output("url", stack_text("%s", stack_attribute(service, "uri")));
    stack_output("artifacts", stack_text("gs://%s", bucket_name));
    const char *connected = stack_attribute(instance, "connectionName");
    stack_output("database", stack_map("connection", stack_text("%s", connected), "address", stack_text("%s", address), NULL));
}
