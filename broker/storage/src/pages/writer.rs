//! The one who writes pages.

use std::{io::IoSlice, sync::Arc};

use crate::{
    error::{Error, Result},
    fs::{self, File, FileSystem},
    pages::{
        Pages,
        page::{HEADER_LEN, PageRef, header},
    },
};

/// Fills one segment after another. There is one for each [`Pages`].
#[derive(Debug)]
pub struct PageWriter<F: FileSystem> {
    pages: Arc<Pages<F>>,
    filling: Option<Filling<F::File>>,
    unsynced: bool,
}

/// The segment at hand.
#[derive(Debug)]
struct Filling<T> {
    number: u32,
    file: Arc<T>,
    /// Where the next page goes.
    end: u32,
}

// === impl PageWriter ===

impl<F: FileSystem> PageWriter<F> {
    /// A writer that begins with a new segment.
    #[must_use]
    pub fn new(pages: Arc<Pages<F>>) -> Self {
        Self { pages, filling: None, unsynced: false }
    }

    /// Writes one page. It survives a power cut only after [`PageWriter::sync`].
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when it does not fit a segment; [`Error::Io`], after which the page is
    /// not there, and others may be written.
    pub fn write(&mut self, contents: &[u8]) -> Result<PageRef> {
        let limit = self.pages.segment_len() as usize - HEADER_LEN;
        if contents.len() > limit {
            return Err(Error::TooLarge { bytes: contents.len(), limit });
        }
        self.make_room(contents.len())?;
        let Some(filling) = &mut self.filling else { return Err(Error::Closed) };
        let header = header(contents);
        let mut parts = [IoSlice::new(&header), IoSlice::new(contents)];
        self.unsynced = true;
        fs::write_all(&*filling.file, &mut parts, u64::from(filling.end)).map_err(|source| {
            Error::Io { op: "write", path: self.pages.path(filling.number), source }
        })?;
        let (segment, offset) = (filling.number, filling.end);
        let page = PageRef { segment, offset, length: contents.len() as u32 };
        filling.end += page.disk_len() as u32;
        self.pages.written(page);
        Ok(page)
    }

    /// Writes once more what is in a page of an earlier segment. The page itself stays until it is
    /// [freed](Pages::free). Returns where the copy is.
    ///
    /// # Errors
    ///
    /// As [`Pages::read`] and [`PageWriter::write`].
    pub fn rewrite(&mut self, page: PageRef) -> Result<PageRef> {
        let contents = self.pages.read(page)?;
        self.write(&contents)
    }

    /// Makes every page written so far survive a power cut.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: nobody knows then what the disk kept, and the process should end.
    pub fn sync(&mut self) -> Result<()> {
        if let (true, Some(Filling { number, file, .. })) = (self.unsynced, &self.filling) {
            file.sync_data().map_err(|source| Error::Io {
                op: "sync",
                path: self.pages.path(*number),
                source,
            })?;
        }
        self.unsynced = false;
        Ok(())
    }

    /// Begins a new segment when `length` bytes do not fit in the one at hand.
    fn make_room(&mut self, length: usize) -> Result<()> {
        let len = self.pages.segment_len() as usize;
        let fits = |filling: &Filling<_>| filling.end as usize + HEADER_LEN + length <= len;
        if !self.filling.as_ref().is_some_and(fits) {
            self.sync()?;
            let (number, file) = self.pages.create()?;
            self.filling = Some(Filling { number, file, end: 0 });
        }
        Ok(())
    }
}
