//! A generated password: made by the host, kept in Secret Manager, read by one account.

use mlflow_host_sdk::kinds::iam::ServiceAccountHandle;
use mlflow_host_sdk::kinds::run::{EnvVarSource, SecretKeySelector};
use mlflow_host_sdk::kinds::secretmanager::{
    Automatic, Replication, Secret, SecretHandle, SecretIamMember, SecretIamMemberHandle, SecretPayload,
    SecretVersion, SecretVersionHandle,
};
use mlflow_host_sdk::kinds::standard::{RandomPassword, RandomPasswordHandle};

use crate::accounts::member;
use crate::apis::Apis;
use crate::scope::Scope;

#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) password: RandomPasswordHandle,
    pub(crate) secret: SecretHandle,
    version: SecretVersionHandle,
    /// What must exist before the account can read the secret.
    pub(crate) access: SecretIamMemberHandle,
}

impl Credential {
    pub(crate) fn declare(scope: &Scope, apis: &Apis, part: &str, reader: &ServiceAccountHandle) -> Self {
        let name = scope.part(part);

        let password: RandomPassword = scope.resource();
        let password = password.length(32).special(false).declare(&name);

        let secret: Secret = scope.resource();
        let secret = secret
            .replication(Replication::new().automatic(Automatic::new()))
            .depends_on(&apis.secret_manager)
            .declare(&name);

        let version: SecretVersion = scope.resource();
        let version = version
            .secret(secret.resource_id())
            .payload(SecretPayload::new().data(password.result()))
            .declare(&name);

        let access: SecretIamMember = scope.resource();
        let access = access
            .secret(secret.resource_id())
            .role("roles/secretmanager.secretAccessor")
            .member(member(reader))
            .declare(&name);

        Self { password, secret, version, access }
    }

    /// The password as the value of an environment variable. The version is pinned, so that a new password
    /// is a new revision, and a rollback gets the old one back.
    pub(crate) fn source(&self) -> EnvVarSource {
        let selector =
            SecretKeySelector::new().secret(self.secret.resource_id()).version(self.version.resource_id());
        EnvVarSource::new().secret_key_ref(selector)
    }
}
