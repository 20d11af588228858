//! The state directory: a snapshot, and the changes since.
//!
//! `snapshot.jsonl` and `journal.jsonl` hold one record a line; loading applies the first, then
//! what is newer of the second. A snapshot is written beside the old one, synced and renamed, so a
//! crash at any moment leaves either. A last line that was cut short was never answered for and is
//! dropped. Changes are written at once and synced by the operating system: they survive the end
//! of the process, not a power cut.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::apiserver::store::Key;

/// A snapshot is due once the journal is this long, in bytes, and twice as long as the snapshot.
const SNAPSHOT_AFTER: u64 = 8 * 1024 * 1024;

/// An open state directory.
pub(crate) struct Journal {
    directory: PathBuf,
    file: File,
    length: u64,
    snapshot_length: u64,
}

/// What a state directory held.
pub(crate) struct Loaded {
    /// The latest revision.
    pub(crate) revision: u64,
    /// Table, key and document of each object.
    pub(crate) objects: Vec<(String, Key, Value)>,
}

#[derive(Serialize, Deserialize)]
struct Record<'a, V> {
    revision: u64,
    table: std::borrow::Cow<'a, str>,
    namespace: std::borrow::Cow<'a, str>,
    name: std::borrow::Cow<'a, str>,
    /// Absent when the object was removed.
    object: Option<V>,
}

// === impl Journal ===

impl Journal {
    /// Loads `directory`, made when missing, and starts a new journal on a fresh snapshot.
    pub(crate) fn open(directory: &Path) -> io::Result<(Self, Loaded)> {
        fs::create_dir_all(directory)?;
        let mut revision = 0;
        let mut objects = BTreeMap::new();
        for name in ["snapshot.jsonl", "journal.jsonl"] {
            read(&directory.join(name), &mut revision, &mut objects)?;
        }
        let mut journal = Self {
            directory: directory.to_owned(),
            file: private(&directory.join("journal.jsonl"), false)?,
            length: 0,
            snapshot_length: 0,
        };
        let listed = objects.iter().map(|((table, key), value)| (table.as_str(), key, value));
        journal.snapshot(revision, listed)?;
        let objects = objects.into_iter().map(|((table, key), value)| (table, key, value));
        Ok((journal, Loaded { revision, objects: objects.collect() }))
    }

    /// Adds one change.
    pub(crate) fn append(
        &mut self,
        revision: u64,
        table: &str,
        key: &Key,
        object: Option<&Value>,
    ) -> io::Result<()> {
        let line = encode(revision, table, key, object)?;
        self.length += line.len() as u64;
        self.file.write_all(&line)
    }

    /// Whether loading would be quicker after a [`Journal::snapshot`].
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.length > SNAPSHOT_AFTER && self.length > 2 * self.snapshot_length
    }

    /// Writes every object and starts the journal anew.
    pub(crate) fn snapshot<'a>(
        &mut self,
        revision: u64,
        objects: impl Iterator<Item = (&'a str, &'a Key, &'a Value)>,
    ) -> io::Result<()> {
        let part = self.directory.join("snapshot.part");
        let mut writer = BufWriter::new(private(&part, true)?);
        let marker = encode(revision, "", &Key::default(), None)?;
        writer.write_all(&marker)?;
        let mut length = marker.len() as u64;
        for (table, key, value) in objects {
            let line = encode(revision, table, key, Some(value))?;
            length += line.len() as u64;
            writer.write_all(&line)?;
        }
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&part, self.directory.join("snapshot.jsonl"))?;
        File::open(&self.directory)?.sync_all()?;
        self.file.set_len(0)?;
        self.length = 0;
        self.snapshot_length = length;
        Ok(())
    }
}

fn private(path: &Path, truncate: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    if truncate {
        options.write(true).truncate(true)
    } else {
        options.append(true)
    };
    options.open(path)
}

fn encode(revision: u64, table: &str, key: &Key, object: Option<&Value>) -> io::Result<Vec<u8>> {
    let record = Record {
        revision,
        table: table.into(),
        namespace: key.namespace.as_str().into(),
        name: key.name.as_str().into(),
        object,
    };
    let mut line = serde_json::to_vec(&record)?;
    line.push(b'\n');
    Ok(line)
}

fn read(
    path: &Path,
    revision: &mut u64,
    objects: &mut BTreeMap<(String, Key), Value>,
) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let record: Record<'_, Value> = serde_json::from_slice(&line)?;
        *revision = (*revision).max(record.revision);
        let key = Key { namespace: record.namespace.into(), name: record.name.into() };
        if record.table.is_empty() {
            continue;
        }
        match record.object {
            Some(value) => objects.insert((record.table.into(), key), value),
            None => objects.remove(&(record.table.into(), key)),
        };
    }
}
