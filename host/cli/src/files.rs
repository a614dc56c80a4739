//! Files of users, read within a bound and written as a whole.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use mlflow_host_program::LARGEST_PROGRAM;

/// The bytes of a program, a component or a policy. Of one that is too large, as many as are needed to see that.
pub(crate) fn read_program(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(LARGEST_PROGRAM as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file as a whole or not at all. One that is there keeps its permissions; of a link, what it points to
/// is replaced; what is no file, such as a pipe, is written to.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let file = &fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let present = fs::metadata(file).ok();
    if present.as_ref().is_some_and(|present| !present.is_file()) {
        return fs::OpenOptions::new().write(true).open(file)?.write_all(content);
    }
    // Beside it: only within a file system does one name take the place of another.
    let part = file.with_added_extension(format!("{}.part", std::process::id()));
    let write = || {
        fs::write(&part, content)?;
        if let Some(present) = present {
            fs::set_permissions(&part, present.permissions())?;
        }
        fs::rename(&part, file)
    };
    write().inspect_err(|_| {
        // Nobody misses what was not finished, and the first error matters more.
        let _ = fs::remove_file(&part);
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_permissions_and_through_links() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        replace(&file, b"one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        replace(&link, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_replaced_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        replace(Path::new("/dev/null"), b"gone").unwrap();
        replace(directory.path(), b"no file").unwrap_err();
        replace(&directory.path().join("missing/file"), b"no directory").unwrap_err();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
