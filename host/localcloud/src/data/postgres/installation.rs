//! The PostgreSQL programs of this machine, and the user they run as.

use std::fmt;
use std::path::{Path, PathBuf};

use super::PostgresError;

/// Names a directory with PostgreSQL's programs, before any other is looked at.
const VARIABLE: &str = "MLFLOW_HOST_POSTGRES_BIN";

/// Where Debian and Ubuntu keep one directory per major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The users that the server runs as when we are root, which it refuses: the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A directory with `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    bin: PathBuf,
}

impl Installation {
    /// Finds the programs: the variable, then `PATH`, then Debian's directories, newest first.
    ///
    /// `major` limits the choice to one major version: a cluster runs on the version that made it.
    pub(super) fn find(major: Option<u32>) -> Result<Self, PostgresError> {
        let named: Vec<PathBuf> = match std::env::var_os(VARIABLE) {
            Some(directory) => vec![directory.into()],
            None => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .chain(debian_directories(Path::new(DEBIAN)))
                .collect(),
        };
        let mut installed = named
            .into_iter()
            .filter(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
            .map(|bin| Self { bin });
        let found = match major {
            None => installed.next(),
            Some(major) => installed.find(|candidate| candidate.major() == Some(major)),
        };
        found.ok_or(PostgresError::NotInstalled { major })
    }

    /// One of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// The major version, as `postgres --version` says it.
    fn major(&self) -> Option<u32> {
        let output = std::process::Command::new(self.program("postgres")).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let version = text.split_once("(PostgreSQL) ")?.1;
        let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(major) = self.major() {
            write!(formatter, "{major} ")?;
        }
        write!(formatter, "in {}", self.bin.display())
    }
}

fn debian_directories(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|version| parent.join(version.to_string()).join("bin")).collect()
}

/// The user that PostgreSQL's programs run as, when it is not our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Account {
    /// `None` unless we are root: then our own user will do.
    pub(super) fn needed() -> Result<Option<Self>, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        UNPRIVILEGED
            .iter()
            .find_map(|name| Self::parse(&users, name))
            .map(Some)
            .ok_or(PostgresError::NoAccount)
    }

    fn parse(users: &str, name: &str) -> Option<Self> {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            let user = fields.nth(1)?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            Some(Self { name: name.to_owned(), user, group })
        })
    }

    /// Fails when a directory above `path` is closed to this user.
    pub(super) fn check_reaches(&self, path: &Path) -> Result<(), PostgresError> {
        use std::os::unix::fs::MetadataExt;
        for directory in path.ancestors() {
            let Ok(metadata) = std::fs::metadata(directory) else {
                continue;
            };
            let class = if metadata.uid() == self.user {
                0o100
            } else if metadata.gid() == self.group {
                0o010
            } else {
                0o001
            };
            if metadata.mode() & class == 0 {
                return Err(PostgresError::Closed {
                    directory: directory.to_path_buf(),
                    user: self.name.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for version in ["9", "15", "17", "not-a-version"] {
            std::fs::create_dir(parent.path().join(version)).unwrap();
        }
        let names: Vec<_> = debian_directories(parent.path())
            .into_iter()
            .map(|path| path.strip_prefix(parent.path()).unwrap().to_owned())
            .collect();
        assert_eq!(names, ["17/bin", "15/bin", "9/bin"].map(PathBuf::from));
    }

    #[test]
    fn an_account_is_read_from_the_user_table() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        let account = Account::parse(users, "postgres").unwrap();
        assert_eq!((account.user, account.group), (101, 104));
        assert_eq!(Account::parse(users, "nobody"), None);
    }

    #[test]
    fn a_closed_parent_is_named_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let closed = parent.path().join("closed");
        std::fs::create_dir_all(closed.join("inside")).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
        let account = Account { name: "postgres".to_owned(), user: u32::MAX - 1, group: u32::MAX - 1 };
        let error = account.check_reaches(&closed.join("inside")).unwrap_err();
        let text = error.to_string();
        // The temporary directory itself is mode 0700 as well; the innermost closed one is named.
        assert!(text.contains(&format!("chmod o+x {}", closed.display())), "{text}");
    }
}
