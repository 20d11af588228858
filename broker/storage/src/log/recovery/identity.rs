//! The log's own number, drawn once and never shown to a client.
//!
//! ```text
//!  0       4         6   8        16        20
//!  ├ magic ┼ version ┼ 0 ┼ log id ┼ crc32c  ┤
//!    WRID    u16       u16  u64     u32
//! ```

use std::{io, path::Path};

use bytes::{BufMut, BytesMut};

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    record::{read_u32, read_u64},
};

const NAME: &str = "log.id";
const NAME_NEW: &str = "log.id.new";
const MAGIC: &[u8; 4] = b"WRID";
const VERSION: u16 = 1;
const LEN: usize = 20;

/// The number of the log in `dir`; drawn and written down when there is none.
pub(super) fn load<F: FileSystem>(fs: &F, dir: &Path) -> Result<u64> {
    let path = dir.join(NAME);
    let known = fs
        .list(dir)
        .map_err(|source| Error::Io { op: "list", path: dir.to_owned(), source })?
        .contains(&path);
    if known { read(fs, &path) } else { create(fs, dir) }
}

fn read<F: FileSystem>(fs: &F, path: &Path) -> Result<u64> {
    let io = |op, source| Error::Io { op, path: path.to_owned(), source };
    let corrupt = |reason| Error::Corrupt { path: path.to_owned(), offset: 0, reason };
    let file = fs.open(path, false).map_err(|source| io("open", source))?;
    let mut raw = [0; LEN];
    let got = fs::read_full(&file, &mut raw, 0).map_err(|source| io("read", source))?;
    if got < LEN || &raw[..4] != MAGIC || crc32c::crc32c(&raw[..16]) != read_u32(&raw, 16) {
        return Err(corrupt("the log's identity is damaged"));
    }
    let found = u16::from_le_bytes([raw[4], raw[5]]);
    if found != VERSION {
        return Err(Error::Version { path: path.to_owned(), found, supported: VERSION });
    }
    Ok(read_u64(&raw, 8))
}

fn create<F: FileSystem>(fs: &F, dir: &Path) -> Result<u64> {
    let path = dir.join(NAME_NEW);
    let io = |op, source: io::Error| Error::Io { op, path: path.clone(), source };
    let log_id = draw().map_err(|source| io("draw a number for", source))?;
    let mut raw = BytesMut::with_capacity(LEN);
    raw.extend_from_slice(MAGIC);
    raw.put_u16_le(VERSION);
    raw.put_u16_le(0);
    raw.put_u64_le(log_id);
    raw.put_u32_le(crc32c::crc32c(&raw.clone()));

    let file = fs.open(&path, true).map_err(|source| io("create", source))?;
    let mut parts = [io::IoSlice::new(&raw)];
    fs::write_all(&file, &mut parts, 0).map_err(|source| io("write", source))?;
    file.sync_data().map_err(|source| io("sync", source))?;
    fs.rename(&path, &dir.join(NAME)).map_err(|source| io("rename", source))?;
    fs.sync_dir(dir).map_err(|source| io("sync the directory of", source))?;
    Ok(log_id)
}

/// A number that nobody can guess.
fn draw() -> io::Result<u64> {
    let mut raw = [0; 8];
    let mut filled = 0;
    while filled < raw.len() {
        filled +=
            rustix::rand::getrandom(&mut raw[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(u64::from_le_bytes(raw))
}
