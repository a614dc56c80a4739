//! What is running.

use std::fs;
use std::path::Path;

/// The command lines of all processes, but this one, that have to do with a directory: it is in their
/// arguments or their environment, or they work in it.
pub fn processes_that_mention(directory: &Path) -> Vec<String> {
    let wanted = directory.to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let text = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let line = String::from_utf8_lossy(&text("cmdline")).replace('\0', " ");
            let mentioned = line.contains(&wanted)
                || String::from_utf8_lossy(&text("environ")).contains(&wanted)
                || fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
            (mentioned && id != std::process::id() && !line.is_empty()).then(|| format!("{id} {line}"))
        })
        .collect()
}
