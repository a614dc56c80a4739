//! Who the server runs as, and who builds its image. Neither can do what the other does, and Google's default
//! accounts, which can do almost everything, are not used.

use mlflow_host_sdk::kinds::iam::{ServiceAccount, ServiceAccountHandle};

use crate::apis::Apis;
use crate::scope::Scope;

pub(crate) struct Accounts {
    pub(crate) runtime: ServiceAccountHandle,
    pub(crate) build: ServiceAccountHandle,
}

impl Accounts {
    pub(crate) fn declare(scope: &Scope, apis: &Apis) -> Self {
        let account = |part: &str, display_name: &str| {
            let account: ServiceAccount = scope.resource();
            account.display_name(display_name).depends_on(&apis.iam).declare(&scope.part(part))
        };
        Self {
            runtime: account("runtime", "Runs the MLflow server and its migrations"),
            build: account("build", "Builds the image of the MLflow server"),
        }
    }
}

/// The account as a member of an IAM policy.
pub(crate) fn member(account: &ServiceAccountHandle) -> String {
    format!("serviceAccount:{}", account.email())
}
