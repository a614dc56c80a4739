//! The server itself: first the migration of its database, then the service.

use mlflow_host_sdk::Output;
use mlflow_host_sdk::kinds::iam::ServiceAccountHandle;
use mlflow_host_sdk::kinds::run::{
    Container, ContainerPort, Execution, ExecutionHandle, ExecutionTemplate, HTTPGetAction, Job, Probe,
    ResourceRequirements, RevisionScaling, RevisionTemplate, RevisionTemplateExecutionEnvironment, Service,
    ServiceHandle, ServiceIamMember, TaskTemplate,
};

use crate::apis::Apis;
use crate::artifacts::Artifacts;
use crate::credential::Credential;
use crate::database::Database;
use crate::environment::Environment;
use crate::image::Image;
use crate::network::PrivateNetwork;
use crate::scope::Scope;
use crate::{Authentication, MlflowServer};

const PORT: i32 = 8080;

/// What the server stands on.
pub(crate) struct Needs<'a> {
    pub(crate) network: &'a PrivateNetwork,
    pub(crate) artifacts: &'a Artifacts,
    pub(crate) image: &'a Image,
    pub(crate) database: &'a Database,
    pub(crate) runtime: &'a ServiceAccountHandle,
}

pub(crate) struct Server {
    pub(crate) url: Output,
    pub(crate) administrator: Option<Credential>,
}

impl Server {
    pub(crate) fn declare(scope: &Scope, apis: &Apis, server: &MlflowServer, needs: &Needs<'_>) -> Self {
        let mut environment = database_environment(needs.database);
        let migration = migrate(scope, apis, server, needs, &environment);

        configure(&mut environment, scope, needs);
        let credential = |part: &str| Credential::declare(scope, apis, part, needs.runtime);
        let login = (server.authentication == Authentication::Basic).then(|| Login {
            administrator: credential("administrator-password"),
            session_key: credential("session-key"),
        });
        if let Some(login) = &login {
            environment.set_secret("MLFLOW_AUTH_ADMIN_PASSWORD", &login.administrator);
            environment.set_secret("MLFLOW_FLASK_SERVER_SECRET_KEY", &login.session_key);
        }
        for (name, value) in &server.environment {
            environment.set(name, value);
        }

        let service = serve(scope, apis, server, needs, &environment, &migration, login.as_ref());
        for invoker in &server.invokers {
            let grant: ServiceIamMember = scope.resource();
            grant
                .service(service.resource_id())
                .role("roles/run.invoker")
                .member(invoker)
                .declare(&scope.part(&format!("invoker-{}", invoker.replace([':', '@'], "-"))));
        }
        Self {
            // Google's address with the project's number in it is known before the service exists.
            url: service.attribute("urls[0]"),
            administrator: login.map(|login| login.administrator),
        }
    }
}

/// What MLflow needs to ask for passwords.
struct Login {
    administrator: Credential,
    session_key: Credential,
}

/// What both the migration and the server need to reach the database.
fn database_environment(database: &Database) -> Environment {
    let mut environment = Environment::default();
    environment.set("MLFLOW_BACKEND_STORE_URI", database.uri(&database.tracking));
    environment.set_secret("PGPASSWORD", &database.password);
    if let Some(authentication) = &database.authentication {
        environment.set("MLFLOW_AUTH_DATABASE_URI", database.uri(authentication));
    }
    environment
}

/// MLflow's settings. See `mlflow server --help`.
fn configure(environment: &mut Environment, scope: &Scope, needs: &Needs<'_>) {
    let host = format!("{}-{}.{}.run.app", scope.name, scope.project_number, scope.region);
    environment.set("MLFLOW_ARTIFACTS_DESTINATION", format!("gs://{}", needs.artifacts.bucket.name()));
    environment.set("MLFLOW_SERVE_ARTIFACTS", "true");
    // MLflow refuses requests for other hosts, against DNS rebinding.
    environment.set("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", format!("https://{host}"));
    environment.set("MLFLOW_SERVER_ALLOWED_HOSTS", host);
    // Its own job runner starts seven more processes, which need 2 GiB.
    environment.set("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false");
    // Cloud Run adds instances instead.
    environment.set("MLFLOW_WORKERS", "1");
}

fn container(server: &MlflowServer, image: &Image, environment: &Environment) -> Container {
    Container::new().image(&image.reference).env(environment.variables()).resources(resources(server))
}

fn resources(server: &MlflowServer) -> ResourceRequirements {
    ResourceRequirements::new().limits([("cpu", server.size.cpu()), ("memory", server.size.memory())])
}

/// The migration: a job, and one execution of it for every image and set of databases.
fn migrate(
    scope: &Scope,
    apis: &Apis,
    server: &MlflowServer,
    needs: &Needs<'_>,
    environment: &Environment,
) -> ExecutionHandle {
    let task = TaskTemplate::new()
        .containers([container(server, needs.image, environment).command(["sh", "migrate"])])
        .service_account(needs.runtime.email())
        .vpc_access(needs.network.access())
        .max_retries(1)
        .timeout("1800s");
    let job: Job = scope.resource();
    let job = job
        .name(scope.part("migrate"))
        .template(ExecutionTemplate::new().template(task))
        .depends_on(&apis.run)
        .depends_on(&needs.database.password.access)
        .declare(&scope.part("migrate"));

    let databases = std::iter::once(&needs.database.tracking).chain(&needs.database.authentication);
    let execution: Execution = scope.resource();
    let execution =
        execution.job(job.resource_id()).replace_on(&needs.image.reference).depends_on(&needs.database.user);
    let execution = databases.fold(execution, |execution, database| {
        execution.replace_on(needs.database.uri(database)).depends_on(database)
    });
    execution.declare(&scope.part("migrate"))
}

fn serve(
    scope: &Scope,
    apis: &Apis,
    server: &MlflowServer,
    needs: &Needs<'_>,
    environment: &Environment,
    migration: &ExecutionHandle,
    login: Option<&Login>,
) -> ServiceHandle {
    let health = || HTTPGetAction::new().path("/health").port(PORT);
    // The first packet through Direct VPC egress may take a minute, and MLflow itself ten seconds.
    let startup = Probe::new().http_get(health()).period_seconds(5).timeout_seconds(4).failure_threshold(48);
    let liveness =
        Probe::new().http_get(health()).period_seconds(30).timeout_seconds(10).failure_threshold(3);
    let container = container(server, needs.image, environment)
        .ports([ContainerPort::new().container_port(PORT)])
        .resources(resources(server).cpu_idle(true).startup_cpu_boost(true))
        .startup_probe(startup)
        .liveness_probe(liveness);
    let template = RevisionTemplate::new()
        .containers([container])
        .service_account(needs.runtime.email())
        .vpc_access(needs.network.access())
        .execution_environment(RevisionTemplateExecutionEnvironment::ExecutionEnvironmentGen2)
        .scaling(
            RevisionScaling::new()
                .min_instance_count(server.instances.minimum)
                .max_instance_count(server.instances.maximum),
        )
        // Large artifacts take their time.
        .timeout("900s");
    let service: Service = scope.resource();
    let mut service = service
        .name(&scope.name)
        .ingress("INGRESS_TRAFFIC_ALL")
        .template(template)
        .depends_on(&apis.run)
        .depends_on(migration)
        .depends_on(&needs.artifacts.access);
    if let Some(login) = login {
        service = service.depends_on(&login.administrator.access).depends_on(&login.session_key.access);
    }
    service.declare(&scope.name)
}
