//! Writes the pages that queues ask for, on a thread of its own, and reads them back.
//!
//! Pages that come in while the disk is busy are written together and synced once. Only then are their
//! queues told. What cannot be written because the disk is full stays with its queue; when nobody
//! knows what the disk kept, the process ends, as it does with the log.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use broker_core::id::QueueId;
use broker_core::queue::{PageNumber, Paged};
use broker_storage::Error;
use broker_storage::fs::real::RealFs;
use broker_storage::pages::Pages;
use broker_storage::pages::page::PageRef;
use broker_storage::pages::writer::PageWriter;

use crate::durable::page_record;

/// So many pages may be in line before queues should not offer more.
const ENOUGH: usize = 128;

/// A buffer larger than this is not kept for the next page.
const LARGE: usize = 1 << 20;

/// How often a page is read that the system refuses to read, and how long to wait in between.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// The way to the pages of the node.
#[derive(Debug)]
pub(crate) struct Pager {
    pages: Arc<Pages<RealFs>>,
    orders: mpsc::Sender<Task>,
    in_line: Arc<AtomicUsize>,
    /// Pages that are to be rewritten, and whose shards were not told.
    moving: Arc<AtomicUsize>,
    /// Bytes of pages of which nothing is left, and that a snapshot may name.
    dead: AtomicU64,
}

/// What has become of a page.
#[derive(Debug)]
pub(crate) enum Report {
    /// It is written and safe, and where; none if it cannot be written.
    Written { queue: QueueId, page: PageNumber, place: Option<PageRef> },
    /// It was written once more, and is safe there; or why it was not.
    Moved { queue: QueueId, page: PageNumber, from: PageRef, place: Result<PageRef, Error> },
}

/// Tells whoever gave an order what has become of the page.
pub(crate) type Tell = Box<dyn FnOnce(Report) + Send>;

/// A page to be written.
pub(crate) struct Order {
    pub(crate) queue: QueueId,
    pub(crate) page: PageNumber,
    pub(crate) messages: Vec<Paged>,
    pub(crate) tell: Tell,
}

/// A page to be written once more, somewhere else.
pub(crate) struct Move {
    pub(crate) queue: QueueId,
    pub(crate) page: PageNumber,
    pub(crate) from: PageRef,
    pub(crate) tell: Tell,
}

enum Task {
    Write(Order),
    Move(Move),
}

/// What was done, and where the page is.
enum Done {
    Written(Order, Option<PageRef>),
    Moved(Move, Result<PageRef, Error>),
}

/// What the thread has.
struct Clerk {
    writer: PageWriter<RealFs>,
    orders: mpsc::Receiver<Task>,
    in_line: Arc<AtomicUsize>,
    moving: Arc<AtomicUsize>,
    buffer: Vec<u8>,
    /// Whether the last page could not be written.
    failing: bool,
}

// === impl Pager ===

impl Pager {
    /// Starts the thread. It ends with the pager.
    ///
    /// # Errors
    ///
    /// When the system refuses the thread.
    pub(crate) fn start(pages: Pages<RealFs>) -> Result<Self, Error> {
        let pages = Arc::new(pages);
        let (in_line, moving) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (sender, orders) = mpsc::channel();
        let writer = PageWriter::new(Arc::clone(&pages));
        let mut clerk = Clerk {
            writer,
            orders,
            in_line: Arc::clone(&in_line),
            moving: Arc::clone(&moving),
            buffer: Vec::new(),
            failing: false,
        };
        let thread = thread::Builder::new().name("pages".into()).spawn(move || clerk.run());
        let path = "pages".into();
        thread.map_err(|source| Error::Io { op: "start the writer of", path, source })?;
        Ok(Self { pages, orders: sender, in_line, moving, dead: AtomicU64::new(0) })
    }

    /// Has a page written.
    pub(crate) fn write(&self, order: Order) {
        self.in_line.fetch_add(1, Ordering::Relaxed);
        // The thread ends with the process.
        let _ = self.orders.send(Task::Write(order));
    }

    /// Has a page written once more.
    pub(crate) fn rewrite(&self, order: Move) {
        self.moving.fetch_add(1, Ordering::SeqCst);
        // As above.
        let _ = self.orders.send(Task::Move(order));
    }

    /// Whether pages are to be rewritten, and their shards were not told.
    pub(crate) fn is_moving(&self) -> bool {
        self.moving.load(Ordering::SeqCst) > 0
    }

    /// Whether so much is in line that queues should not offer more.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_line.load(Ordering::Relaxed) >= ENOUGH
    }

    /// Notes that nothing is left of a page that a snapshot or the log may name. It is freed with
    /// [`Pager::free_dead`] once neither can.
    pub(crate) fn note_dead(&self, place: PageRef) {
        self.dead.fetch_add(place.disk_len(), Ordering::Relaxed);
    }

    /// Frees a page that was noted as dead.
    pub(crate) fn free_dead(&self, place: PageRef) {
        self.dead.fetch_sub(place.disk_len(), Ordering::Relaxed);
        self.pages.free(place);
    }

    /// Bytes of pages that were noted as dead.
    pub(crate) fn dead_bytes(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    /// The segments.
    pub(crate) fn pages(&self) -> &Arc<Pages<RealFs>> {
        &self.pages
    }
}

/// Reads a page. Blocks on the disk: not for a shard.
///
/// # Errors
///
/// [`Error::Corrupt`] when it is not what was written; [`Error::Io`] when the system refused again
/// and again.
pub(crate) fn read(pages: &Pages<RealFs>, place: PageRef) -> Result<Vec<Paged>, Error> {
    let mut attempt = 1;
    let contents = loop {
        match pages.read(place) {
            Ok(contents) => break contents,
            Err(Error::Io { .. }) if attempt < ATTEMPTS => {
                attempt += 1;
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    };
    page_record::messages(contents).ok_or_else(|| Error::Corrupt {
        path: format!("pages/{:010}.seg", place.segment).into(),
        offset: place.offset.into(),
        reason: "the messages in a page make no sense",
    })
}

// === impl Clerk ===

impl Clerk {
    fn run(&mut self) {
        while let Ok(first) = self.orders.recv() {
            let rest: Vec<_> = self.orders.try_iter().take(ENOUGH).collect();
            let mut done = Vec::with_capacity(1 + rest.len());
            for task in std::iter::once(first).chain(rest) {
                done.push(match task {
                    Task::Write(order) => {
                        let place = self.write(&order);
                        Done::Written(order, place)
                    }
                    Task::Move(order) => {
                        let place = self.rewrite(order.from);
                        Done::Moved(order, place)
                    }
                });
            }
            if let Err(error) = self.writer.sync() {
                fail(&error);
            }
            done.into_iter().for_each(|done| self.tell(done));
        }
    }

    fn tell(&self, done: Done) {
        match done {
            Done::Written(Order { queue, page, tell, .. }, place) => {
                self.in_line.fetch_sub(1, Ordering::Relaxed);
                tell(Report::Written { queue, page, place });
            }
            Done::Moved(Move { queue, page, from, tell }, place) => {
                tell(Report::Moved { queue, page, from, place });
                // Who sees that no page moves any more finds this in the shard's mailbox.
                self.moving.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    fn rewrite(&mut self, from: PageRef) -> Result<PageRef, Error> {
        match self.writer.rewrite(from) {
            Err(error @ Error::Io { op: "sync", .. }) => fail(&error),
            outcome => outcome,
        }
    }

    fn write(&mut self, order: &Order) -> Option<PageRef> {
        self.buffer.clear();
        self.buffer.shrink_to(LARGE);
        for message in &order.messages {
            page_record::put_message(&mut self.buffer, message);
        }
        match self.writer.write(&self.buffer) {
            Ok(place) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("pages can be written again");
                }
                Some(place)
            }
            Err(error @ Error::Io { op: "sync", .. }) => fail(&error),
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "a page cannot be written, messages stay in memory");
                }
                None
            }
        }
    }
}

/// Nobody knows what the disk kept: to go on would be to promise what may not be there.
fn fail(error: &Error) -> ! {
    tracing::error!(%error, "the pages failed, the broker stops");
    process::exit(1);
}
