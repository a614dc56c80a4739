//! Keeps build steps and containers from writing outside their own directories.
//!
//! They run as ordinary processes on the developer's machine, so `RUN rm -rf /var/lib/apt/lists`
//! would otherwise mean exactly that. Landlock (Linux 5.13) takes the right to write away from a
//! thread and all it starts, without privileges. Reading is not limited: the machine's Python and
//! libraries stand in for those of a base image.

use std::path::PathBuf;

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use tokio::process::{Child, Command};

/// Devices that programs write to as a matter of course.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// Why a confined process could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    /// The kernel has Landlock and refused the rules.
    #[error("cannot confine the process: {0}")]
    Rules(#[from] RulesetError),
    /// The program could not be executed.
    #[error("{0}")]
    Spawn(#[from] std::io::Error),
}

/// How far the kernel keeps a process inside its directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// Writes outside fail.
    Enforced,
    /// This kernel has no Landlock: the process may write wherever the user may.
    Unavailable,
}

/// Starts `command` so that it can write below `writable` only.
pub(crate) async fn spawn(
    mut command: Command,
    writable: Vec<PathBuf>,
) -> Result<(Child, Confinement), SandboxError> {
    let runtime = tokio::runtime::Handle::current();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // The rules bind the calling thread for good: it must not be one of the runtime's.
    std::thread::Builder::new().name("confined start".to_owned()).spawn(move || {
        let _runtime = runtime.enter();
        let result = restrict(&writable)
            .map_err(SandboxError::from)
            .and_then(|confinement| Ok((command.spawn()?, confinement)));
        let _ = sender.send(result);
    })?;
    receiver.await.map_err(|_| std::io::Error::other("the starting thread ended early"))?
}

fn restrict(writable: &[PathBuf]) -> Result<Confinement, RulesetError> {
    let write = AccessFs::from_write(ABI::V3);
    let paths =
        writable.iter().cloned().chain(DEVICES.iter().map(PathBuf::from)).filter(|path| path.exists());
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(write)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(paths, write))?
        .restrict_self()?;
    Ok(if status.ruleset == RulesetStatus::NotEnforced {
        Confinement::Unavailable
    } else {
        Confinement::Enforced
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_outside_the_given_directories_fail() {
        let inside = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(
            "echo yes > {0}/in && mv {0}/in {0}/moved && echo >/dev/null; echo no > {1}/out",
            inside.path().display(),
            outside.path().display()
        ));
        let (mut child, confinement) = spawn(command, vec![inside.path().to_owned()]).await.unwrap();
        let status = child.wait().await.unwrap();
        assert!(inside.path().join("moved").exists());
        // An old kernel is a fact about the machine; there the promise is only that we say so.
        let enforced = confinement == Confinement::Enforced;
        assert_eq!(outside.path().join("out").exists(), !enforced);
        assert_eq!(status.success(), !enforced);
    }
}
