//! A real `warren-broker` on a loopback address of its own.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use crate::{
    binaries,
    patience::{SOON, until},
    process::Process,
    small_disk::SmallDisk,
    uri::Uri,
};

/// The port that brokers listen on.
const PORT: u16 = 5672;

/// A running broker with a data directory of its own. Dropping it ends both.
#[derive(Debug)]
pub struct Broker {
    /// Its process.
    pub process: Process,
    /// Where clients reach it.
    pub uri: Uri,
    arguments: Vec<String>,
    /// What its data is on, unless it is beside its output.
    pub disk: Option<SmallDisk>,
    files: TempDir,
}

// === impl Broker ===

impl Broker {
    /// Starts a broker with further `arguments`, in which `{address}` stands for its address, and
    /// waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_on(None, arguments)
    }

    /// As [`Broker::start`], with its data on a small disk.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn start_on(disk: Option<SmallDisk>, arguments: &[&str]) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let address = free_address();
        let home = disk.as_ref().map_or_else(|| files.path().to_owned(), SmallDisk::dir);
        let mut all = vec![
            format!("--listen={address}:{PORT}"),
            format!("--management-listen={address}:15672"),
            format!("--metrics-listen={address}:15692"),
            format!("--data-dir={}", home.join("data").display()),
            "--exit-on-stdin-eof".to_owned(),
        ];
        let given = arguments.iter();
        all.extend(given.map(|argument| argument.replace("{address}", &address.to_string())));
        let uri = Uri::local(address.to_string(), PORT);
        let mut process = launch(&all, &files, disk.as_ref());
        await_listener(&mut process, address);
        Self { process, uri, arguments: all, disk, files }
    }

    /// Starts the broker again after its process has ended: same address, same data directory.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.launch_again();
        let address = self.uri.host.parse().expect("an address of ours");
        await_listener(&mut self.process, address);
    }

    /// As [`Broker::start_again`], but without waiting for anything.
    ///
    /// # Panics
    ///
    /// When there is no such program.
    #[track_caller]
    pub fn launch_again(&mut self) {
        self.process = launch(&self.arguments, &self.files, self.disk.as_ref());
    }

    /// Its data directory, unless it is on a small disk.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.files.path().join("data")
    }
}

#[track_caller]
fn launch(arguments: &[String], files: &TempDir, disk: Option<&SmallDisk>) -> Process {
    let program = binaries::path("warren-broker");
    let mut command = disk.map_or_else(|| Command::new(&program), |disk| disk.command(&program));
    command.args(arguments).env_remove("RUST_LOG");
    Process::start(command, &files.path().join("log")).expect("warren-broker starts")
}

#[track_caller]
fn await_listener(process: &mut Process, address: Ipv4Addr) {
    until("the broker accepts connections", SOON, || {
        let output = process.output();
        assert!(process.ended().is_none(), "the broker ended: {output}");
        TcpStream::connect((address, PORT)).map(drop)
    });
}

/// A loopback address that no other broker of a test uses.
pub fn free_address() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 64 + (count % 128) as u8, high, low);
        if TcpListener::bind((address, PORT)).is_ok() {
            return address;
        }
    }
}
