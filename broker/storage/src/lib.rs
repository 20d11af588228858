//! The disk: what a node promised to remember, and how it finds it again.
//!
//! Everything a node must not forget goes through one write-ahead [`log`], shared by all queues.
//! Batches that arrive while the disk is busy leave together in one *round*: one vectored write,
//! one `fdatasync`, then the durable position moves and every confirm behind it may be sent.
//!
//! ```text
//!  shard ─ Batch ─▶┐                     ┌─▶ Observer::durable(position)
//!  shard ─ Batch ─▶┤ pending ─▶ log thread: write round, fdatasync
//!  shard ─ Batch ─▶┘                     └─▶ Observer::failed(error)   (the process ends)
//! ```
//!
//! The crate knows no queue and no message: a [`record`] is a kind, three numbers and bytes. All
//! I/O goes through [`fs::FileSystem`], so that a test can make every call fail and every power
//! cut happen. The format on disk is described byte by byte in `docs/storage-format.md`.

pub mod batch;
pub mod error;
pub mod fs;
pub mod log;
pub mod pages;
pub mod position;
pub mod record;
pub mod round;
pub mod snapshot;

pub use error::Error;
