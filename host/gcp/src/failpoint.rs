//! The points of requests at which tests can end the process.
//!
//! - `change-before`, `change-after`: a request that may change something is about to leave; its answer has
//!   arrived, and nobody has seen it.
//! - `read-before`, `read-after`: likewise, for requests that only read.

use mlflow_host_engine::failpoint::reach;

use crate::transport::Outgoing;

/// Methods of Google's that read though they are POSTs.
const READS: [&str; 4] = [":getIamPolicy", ":testIamPermissions", "/wait", "/entries:list"];

/// Which points a request passes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Points {
    /// Those of requests that may change something.
    Change,
    /// Those of requests that only read.
    Read,
}

impl Points {
    /// The points of a request.
    pub(crate) fn of(request: &Outgoing) -> Self {
        let path = request.address.split('?').next().unwrap_or_default();
        let reads = request.verb == "GET" || READS.iter().any(|method| path.ends_with(method));
        if reads { Self::Read } else { Self::Change }
    }

    /// The request is about to leave.
    pub(crate) fn before(self) {
        reach(match self {
            Self::Change => "change-before",
            Self::Read => "read-before",
        });
    }

    /// The answer has arrived.
    pub(crate) fn after(self) {
        reach(match self {
            Self::Change => "change-after",
            Self::Read => "read-after",
        });
    }
}
