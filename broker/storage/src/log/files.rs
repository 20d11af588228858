//! The log's files: their names, the next one, and the spare ones.
//!
//! A file that nothing needs any more becomes a *spare* and later the next log file under another
//! number, so that a log at work neither grows nor allocates.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::{Error, Result},
    fs::{File, FileSystem},
    log::OpenFiles,
};

/// Spare files kept; more are removed.
const MAX_SPARES: usize = 4;

/// No log has so many files in its life, which would be some hundred PB. Numbers go up from here
/// without anybody looking.
const LAST: u32 = u32::MAX / 2;

/// The files of one log.
#[derive(Debug)]
pub(crate) struct Files<F: FileSystem> {
    fs: F,
    dir: PathBuf,
    file_len: u32,
    state: Mutex<State<F::File>>,
}

#[derive(Debug)]
struct State<T> {
    open: OpenFiles<T>,
    spares: Vec<PathBuf>,
    next_spare: u32,
    /// Files with damage in them: kept for whoever wants to look, never written again.
    set_aside: Vec<u32>,
}

/// What the name of a file in the log's directory says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Log(u32),
    Spare(u32),
    Foreign,
}

// === impl Files ===

impl<F: FileSystem> Files<F> {
    /// Finds the files in `dir` and opens them.
    pub(crate) fn open(fs: F, dir: PathBuf, file_len: u32) -> Result<Self> {
        let io = |op, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { op, path, source }
        };
        fs.create_dir_all(&dir).map_err(io("create", &dir))?;
        let mut state = State {
            open: OpenFiles::new(),
            spares: Vec::new(),
            next_spare: 0,
            set_aside: Vec::new(),
        };
        for path in fs.list(&dir).map_err(io("list", &dir))? {
            match Name::parse(&path) {
                Name::Log(number) if number > LAST => {
                    let reason = "its number is none that a log comes to";
                    return Err(Error::Corrupt { path, offset: 0, reason });
                }
                Name::Log(number) => {
                    let file = fs.open(&path, false).map_err(io("open", &path))?;
                    state.open.insert(number, Arc::new(file));
                }
                Name::Spare(number) => {
                    state.next_spare = state.next_spare.max(number + 1);
                    let file = fs.open(&path, false).map_err(io("open", &path))?;
                    if file.size().map_err(io("measure", &path))? < u64::from(file_len) {
                        // One that was not finished: its space is not its own.
                        fs.remove(&path).map_err(io("remove", &path))?;
                    } else {
                        state.spares.push(path);
                    }
                }
                Name::Foreign => {}
            }
        }
        state.spares.sort();
        Ok(Self { fs, dir, file_len, state: Mutex::new(state) })
    }

    pub(crate) fn fs(&self) -> &F {
        &self.fs
    }

    /// The number that the next file will get.
    pub(crate) fn next_number(&self) -> u32 {
        self.state().open.last_key_value().map_or(1, |(number, _)| number + 1)
    }

    pub(crate) fn count(&self) -> usize {
        self.state().open.len()
    }

    /// How many spare files there are.
    pub(crate) fn spares(&self) -> usize {
        self.state().spares.len()
    }

    /// The files' numbers, oldest first.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.state().open.keys().copied().collect()
    }

    pub(crate) fn get(&self, number: u32) -> Option<Arc<F::File>> {
        self.state().open.get(&number).cloned()
    }

    pub(crate) fn path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number:010}.log"))
    }

    /// Makes file `number`, from a spare where there is one.
    pub(crate) fn create(&self, number: u32) -> Result<Arc<F::File>> {
        self.prepare_spares(1)?;
        let mut state = self.state();
        let spare = state.spares.pop().ok_or(Error::Closed)?;
        let path = self.path(number);
        let io = |op, source| Error::Io { op, path: path.clone(), source };
        if let Err(source) = self.fs.rename(&spare, &path) {
            state.spares.push(spare);
            return Err(io("create", source));
        }
        self.fs.sync_dir(&self.dir).map_err(|source| io("sync the directory of", source))?;
        let file = Arc::new(self.fs.open(&path, false).map_err(|source| io("open", source))?);
        state.open.insert(number, Arc::clone(&file));
        Ok(file)
    }

    /// Sees to it that there are so many spare files: as often [`Files::create`] will need no space.
    pub(crate) fn prepare_spares(&self, wanted: usize) -> Result<()> {
        let mut state = self.state();
        while state.spares.len() < wanted {
            self.prepare_spare(&mut state)?;
        }
        Ok(())
    }

    fn prepare_spare(&self, state: &mut State<F::File>) -> Result<()> {
        let path = self.dir.join(format!("spare-{:010}", state.next_spare));
        let io = |op, source| Error::Io { op, path: path.clone(), source };
        let file = self.fs.open(&path, true).map_err(|source| io("create", source))?;
        if let Err(source) = file.allocate(u64::from(self.file_len)) {
            drop(file);
            // Half a spare is of no use and the space is short: what counts is the first error.
            let _ = self.fs.remove(&path);
            return Err(io("allocate", source));
        }
        file.sync_data().map_err(|source| io("sync", source))?;
        state.next_spare += 1;
        state.spares.push(path);
        Ok(())
    }

    /// Removes a spare file, for its space. Returns whether there was one.
    pub(crate) fn give_up_spare(&self) -> Result<bool> {
        let mut state = self.state();
        let Some(path) = state.spares.pop() else { return Ok(false) };
        if let Err(source) = self.fs.remove(&path) {
            state.spares.push(path.clone());
            return Err(Error::Io { op: "remove", path, source });
        }
        Ok(true)
    }

    /// Makes spares of the files before `number`, oldest first. One with damage in it is kept, under
    /// a name that says so.
    pub(crate) fn release(&self, number: u32) -> Result<()> {
        let mut state = self.state();
        let done: Vec<u32> = state.open.range(..number).map(|(n, _)| *n).collect();
        for number in done {
            self.give_up(number, &mut state)?;
            state.open.remove(&number);
        }
        Ok(())
    }

    fn give_up(&self, number: u32, state: &mut State<F::File>) -> Result<()> {
        let path = self.path(number);
        let rename = |to: &Path| {
            self.fs.rename(&path, to).map_err(|source| Error::Io {
                op: "rename",
                path: path.clone(),
                source,
            })
        };
        if state.set_aside.contains(&number) {
            return rename(&path.with_extension("damaged"));
        }
        if state.spares.len() >= MAX_SPARES {
            return self.fs.remove(&path).map_err(|source| Error::Io {
                op: "remove",
                path,
                source,
            });
        }
        let spare = self.dir.join(format!("spare-{:010}", state.next_spare));
        rename(&spare)?;
        state.next_spare += 1;
        state.spares.push(spare);
        Ok(())
    }

    /// Notes that file `number` has damage in it: it is never written again.
    pub(crate) fn set_aside(&self, number: u32) {
        let mut state = self.state();
        if !state.set_aside.contains(&number) {
            state.set_aside.push(number);
        }
    }

    /// Every step leaves the maps as the directory is, so a poisoned lock is as good as a clean one.
    fn state(&self) -> MutexGuard<'_, State<F::File>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Name ===

impl Name {
    fn parse(path: &Path) -> Self {
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return Self::Foreign };
        if let Some(number) = name.strip_suffix(".log").and_then(|n| n.parse().ok()) {
            return Self::Log(number);
        }
        if let Some(number) = name.strip_prefix("spare-").and_then(|n| n.parse().ok()) {
            return Self::Spare(number);
        }
        Self::Foreign
    }
}
