//! The node from start to stop: binds, starts the shards, waits for the end, closes in order.

mod sockets;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use broker_api::Listener;
use broker_core::id::QueueId;
use broker_protocol::table::FieldTable;
use hashbrown::HashMap;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::accepted::Accepted;
use crate::args::{Args, Identity as Face};
use crate::auth::{self, Authenticator};
use crate::clock;
use crate::data_dir::{self, DataDir};
use crate::defaults;
use crate::directory::Directory;
use crate::durable::Store;
use crate::durable::replay::{Recovered, RecoveredQueue};
use crate::grant;
use crate::housekeeping::{self, Limits};
use crate::link::Event;
use crate::listener;
use crate::mailbox::{Receiver, Sender, mailbox};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::node::{Identity, Node};
use crate::random;
use crate::registry::Registry;
use crate::replies::Replies;
use crate::server::sockets::Sockets;
use crate::shard;
use crate::shard::work::Work;
use crate::stop;
use crate::tls::{self, Tls};
use crate::transactions::Transactions;

/// The version of RabbitMQ whose behaviour towards clients this broker follows.
const RABBITMQ_VERSION: &str = "3.13.7";

/// Why the broker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] data_dir::Error),
    /// The credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] auth::Error),
    /// What is on the disk cannot be read, or belongs to a newer version.
    #[error("{} (in the data directory)", .0)]
    Storage(#[from] broker_storage::Error),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] listener::Error),
    /// The system has no threads or descriptors left.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Runs a broker until it is told to stop, by a signal or by the end of its standard input.
///
/// # Errors
///
/// When it cannot start. Once it serves, it returns only after an orderly stop.
pub fn run(args: Args) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: Args) -> Result<(), Error> {
    let data_dir = DataDir::open(&args.data_dir)?;
    let authenticator = Authenticator::new(args.credentials_dir.clone(), args.allow_guest_remote)?;
    let stop = stop::Signals::new(args.exit_on_stdin_eof)?;
    let tls = Tls::new(&args.tls)?;
    let sockets = Sockets::bind(&args, tls.clone())?;
    let (store, recovered) = Store::open(&args.data_dir, args.log_file_bytes())?;
    let store = Arc::new(store);
    let Recovered { topology, next_queue, queues, .. } = recovered;
    let shards = usize::from(args.shards.unwrap_or_else(grant::cores));
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| mailbox()).unzip();
    let directory = Directory::new(Arc::clone(&store), topology, next_queue, &senders);
    let with_user = args.credentials_dir.is_none();
    defaults::make(&directory, with_user.then_some((&*args.default_user, &*args.default_pass)));
    let listeners = sockets.describe()?;
    let memory = (store, directory);
    let node = build(&args, &data_dir, authenticator, listeners, senders, memory);
    let node = Arc::new(Node { tls, ..node });
    let takers = start_shards(&node, receivers, queues)?;
    let limits = Limits { log_budget: args.log_budget.0, disk_watermark: args.disk_watermark.0 };
    let data_path: Arc<Path> = args.data_dir.as_path().into();
    tokio::spawn(housekeeping::run(Arc::clone(&node), data_path, limits));
    tracing::info!(
        node = node.identity.node, shards, memory_watermark = node.memory.watermark(),
        data_dir = %args.data_dir.display(), version = env!("CARGO_PKG_VERSION"), "broker started"
    );
    let accepting = sockets.serve(&node, &takers);
    let reason = stop.wait().await;
    tracing::info!(reason, "broker stopping");
    node.stopping.store(true, Ordering::Relaxed);
    for listener in accepting {
        listener.abort();
    }
    close_connections(&node, args.shutdown_grace()).await;
    // What the connections left behind has been dealt with once the shards answer.
    node.survey().await;
    node.store.close();
    tracing::info!("broker stopped");
    Ok(())
}

fn build(
    args: &Args,
    data_dir: &DataDir,
    authenticator: Authenticator,
    listeners: Vec<Listener>,
    shards: Vec<Sender<Work>>,
    (store, directory): (Arc<Store>, Directory),
) -> Node {
    let watermark = args.memory_watermark.map_or(grant::memory() / 5 * 2, |size| size.0);
    let page_watermark = Memory::PAGE_WATERMARK.min(watermark / 4);
    let page_watermark = args.page_watermark.map_or(page_watermark, |size| size.0);
    let node = args.node_name.clone().unwrap_or_else(|| format!("warren@{}", grant::host_name()));
    let listeners = listeners.into_iter().map(|l| Listener { node: node.clone(), ..l }).collect();
    Node {
        session: Arc::new(session_settings(args, &node)),
        identity: Identity {
            node,
            cluster: args.cluster_name.clone(),
            node_id: data_dir.node_id().to_owned(),
            epoch: random::hex(8),
            started: clock::now(),
            listeners,
            data_dir: args.data_dir.as_path().into(),
            disk_watermark: args.disk_watermark.0,
            rabbitmq_version: RABBITMQ_VERSION,
        },
        directory,
        store,
        registry: Registry::new(usize::try_from(args.max_connections).unwrap_or(usize::MAX)),
        replies: Replies::default(),
        authenticator,
        memory: Memory::new(watermark, page_watermark),
        tls: None,
        unfinished: AtomicI64::new(0),
        max_unfinished: max_unfinished(watermark, args.max_message_size.0),
        metrics: Metrics::default(),
        transactions: Transactions::new(),
        write_stall: args.write_stall_ms(),
        shards: shards.into(),
        stopping: AtomicBool::new(false),
        hashing: Semaphore::new(1),
    }
}

/// A node on the data in `dir` whose shards nobody has started, and what they would be started with.
#[cfg(test)]
pub(crate) fn unstarted(
    dir: &Path,
    shards: usize,
) -> (Arc<Node>, Vec<Receiver<Work>>, HashMap<QueueId, RecoveredQueue>) {
    use clap::Parser;

    let mut args =
        Args::parse_from(["warren-broker", "--log-budget=4MiB", "--max-message-size=400KiB"]);
    args.data_dir = dir.to_owned();
    let data_dir = DataDir::open(dir).unwrap();
    let authenticator = Authenticator::new(None, false).unwrap();
    let (store, recovered) = Store::open(dir, args.log_file_bytes()).unwrap();
    let store = Arc::new(store);
    let Recovered { topology, next_queue, queues, .. } = recovered;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| mailbox()).unzip();
    let directory = Directory::new(Arc::clone(&store), topology, next_queue, &senders);
    defaults::make(&directory, None);
    let node = build(&args, &data_dir, authenticator, Vec::new(), senders, (store, directory));
    (Arc::new(node), receivers, queues)
}

/// A quarter of what messages may take, but room for a few of the largest in any case: four, or two if
/// they are very large.
fn max_unfinished(watermark: u64, max_message: u64) -> i64 {
    let few = (max_message * 4).min((64 << 20).max(max_message * 2));
    i64::try_from((watermark / 4).max(few)).unwrap_or(i64::MAX)
}

fn session_settings(args: &Args, node: &str) -> broker_session::Settings {
    let (product, version) = match args.server_identity {
        Face::Rabbitmq => ("RabbitMQ", RABBITMQ_VERSION),
        Face::Warren => ("Warren", env!("CARGO_PKG_VERSION")),
    };
    let mut properties = FieldTable::new();
    properties.insert("product", product);
    properties.insert("version", version);
    properties.insert("platform", "Rust");
    properties.insert("cluster_name", &*args.cluster_name);
    properties.insert("node", node);
    properties.insert("warren", concat!("Warren ", env!("CARGO_PKG_VERSION")));
    broker_session::Settings {
        server_properties: properties,
        frame_max: args.frame_max,
        channel_max: args.channel_max,
        heartbeat_secs: args.heartbeat,
        max_body: args.max_message_size.0,
        handshake_ms: u64::from(args.handshake_timeout) * 1000,
        ..broker_session::Settings::default()
    }
}

/// Starts the shards and returns the way to hand each a socket.
fn start_shards(
    node: &Arc<Node>,
    receivers: Vec<Receiver<Work>>,
    queues: HashMap<QueueId, RecoveredQueue>,
) -> Result<Arc<[Sender<Accepted>]>, Error> {
    let mut takers = Vec::new();
    let mut of_shards: Vec<Vec<_>> = receivers.iter().map(|_| Vec::new()).collect();
    for (id, queue) in queues {
        of_shards[node.shard_of(id)].push((id, queue));
    }
    let shards = receivers.into_iter().zip(of_shards);
    for (number, (work, queues)) in shards.enumerate() {
        let (sender, sockets) = mailbox();
        shard::start(number, Arc::clone(node), queues, work, sockets)?;
        takers.push(sender);
    }
    Ok(takers.into())
}

/// Closes every connection in an orderly way and waits until they are gone, or `grace` is over.
async fn close_connections(node: &Node, grace: Duration) {
    node.registry.tell(|| Event::Stop);
    let end = Instant::now() + grace;
    while node.registry.len() > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left = node.registry.len();
    if left > 0 {
        tracing::warn!(left, "connections cut off that did not close in time");
    }
}
