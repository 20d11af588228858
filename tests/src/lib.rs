//! What the tests of whole systems share: a bare AMQP client, and processes that never outlive a test.

pub mod binaries;
pub mod broker;
pub mod client;
pub mod inbox;
pub mod management;
pub mod patience;
pub mod process;
pub mod small_disk;
pub mod uri;
