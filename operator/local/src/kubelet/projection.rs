//! A folder of files that changes all at once.
//!
//! The kubelet's own trick: the files live in a folder of their own, `..data` is a link to that
//! folder and each name that a program sees is a link through `..data`. Renaming a new `..data`
//! over the old one swaps every file in one step, so a reader never finds half of an update.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path};

/// The files: path below the folder, contents, permission bits.
pub(super) type Files = BTreeMap<String, (Vec<u8>, u32)>;

const DATA: &str = "..data";
const NEXT: &str = "..data_tmp";

/// Makes `folder` show exactly `files`; does nothing when it already does.
///
/// # Errors
///
/// The file system's refusal. What was visible before stays visible then.
pub(super) fn publish(folder: &Path, files: &Files) -> io::Result<()> {
    if let Some(path) = files.keys().find(|path| !is_inside(path)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{path}` leaves the volume"),
        ));
    }
    fs::create_dir_all(folder)?;
    let current = fs::read_link(folder.join(DATA)).ok();
    if current.is_some() && shows(folder, files) {
        return Ok(());
    }
    let generation = format!("..{}", rand::random::<u64>());
    for (path, (contents, mode)) in files {
        write(&folder.join(&generation).join(path), contents, *mode)?;
    }
    fs::create_dir_all(folder.join(&generation))?;
    link(Path::new(&generation), &folder.join(NEXT))?;
    fs::rename(folder.join(NEXT), folder.join(DATA))?;
    show_names(folder, files)?;
    if let Some(old) = current {
        fs::remove_dir_all(folder.join(old))?;
    }
    Ok(())
}

/// Whether a path stays below the folder it is joined to.
fn is_inside(path: &str) -> bool {
    let mut components = Path::new(path).components().peekable();
    components.peek().is_some()
        && components.all(|part| matches!(part, Component::Normal(_)))
        && !path.starts_with("..")
}

fn shows(folder: &Path, files: &Files) -> bool {
    let same = files
        .iter()
        .all(|(path, (contents, _))| fs::read(folder.join(path)).is_ok_and(|now| now == *contents));
    same && names(folder).is_ok_and(|names| names == top_names(files))
}

fn write(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(contents)
}

/// Links each first component through `..data` and removes the links that lead nowhere now.
fn show_names(folder: &Path, files: &Files) -> io::Result<()> {
    let wanted = top_names(files);
    for name in &wanted {
        link(&Path::new(DATA).join(name), &folder.join(name))?;
    }
    for stale in names(folder)?.difference(&wanted) {
        fs::remove_file(folder.join(stale))?;
    }
    Ok(())
}

fn link(target: &Path, at: &Path) -> io::Result<()> {
    match symlink(target, at) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && at.ends_with(NEXT) => {
            fs::remove_file(at)?;
            symlink(target, at)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn top_names(files: &Files) -> std::collections::BTreeSet<String> {
    files.keys().filter_map(|path| path.split('/').next().map(str::to_owned)).collect()
}

fn names(folder: &Path) -> io::Result<std::collections::BTreeSet<String>> {
    let mut names = std::collections::BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") {
            names.insert(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> Files {
        pairs
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (text.as_bytes().to_vec(), 0o600)))
            .collect()
    }

    fn seen(folder: &Path) -> Vec<(String, String)> {
        let names = names(folder).unwrap().into_iter().filter(|name| folder.join(name).is_file());
        names.map(|name| (name.clone(), fs::read_to_string(folder.join(name)).unwrap())).collect()
    }

    #[test]
    fn an_update_replaces_adds_and_removes_names_and_leaves_no_rubbish() {
        let folder = tempfile::tempdir().unwrap();
        publish(folder.path(), &files(&[("username", "a"), ("password", "b")])).unwrap();
        publish(folder.path(), &files(&[("password", "c"), ("host", "d")])).unwrap();
        let expected =
            [("host".to_owned(), "d".to_owned()), ("password".to_owned(), "c".to_owned())];
        assert_eq!(seen(folder.path()), expected);
        let generations =
            fs::read_dir(folder.path()).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir());
        assert_eq!(generations.filter(|e| !e.as_ref().unwrap().path().is_symlink()).count(), 1);
    }

    #[test]
    fn the_same_files_are_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        publish(folder.path(), &files(&[("a", "1")])).unwrap();
        let before = fs::read_link(folder.path().join(DATA)).unwrap();
        publish(folder.path(), &files(&[("a", "1")])).unwrap();
        assert_eq!(fs::read_link(folder.path().join(DATA)).unwrap(), before);
    }

    #[test]
    fn no_file_escapes_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["../a", "/etc/passwd", "a/../../b", "..data", "", "."] {
            assert!(publish(folder.path(), &files(&[(path, "x")])).is_err(), "{path}");
        }
        publish(folder.path(), &files(&[("nested/deep/a", "x")])).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("nested/deep/a")).unwrap(), "x");
    }

    #[test]
    fn no_files_at_all_is_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        publish(folder.path(), &files(&[("a", "1")])).unwrap();
        publish(folder.path(), &Files::new()).unwrap();
        assert!(seen(folder.path()).is_empty());
    }
}
