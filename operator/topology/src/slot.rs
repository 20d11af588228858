//! One pooled connection: made once for all who wait for it, and made again when it breaks.
//!
//! ```text
//!             first use                lost, used up, or other endpoint
//!  Nothing ──────────────▶ Connected ─────────────────────────────────▶ Nothing
//!     │  ▲ a second later
//!     ▼  │
//!   Failed
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::debug;

use crate::command::Command;
use crate::endpoint::Endpoint;
use crate::error::{Error, Scope};

/// How long TCP, login and opening the vhost may take together.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the broker may take for one operation.
const OPERATION: Duration = Duration::from_secs(10);
/// How long a failure to connect answers for all.
const GRUDGE: Duration = Duration::from_secs(1);
/// Channels kept open for the next operation.
const IDLE_CHANNELS: usize = 32;
/// Channels opened on one connection before it is replaced. lapin 4.12 keeps the error of a closed channel under its
/// number and gives it to whoever gets that number again; numbers come round at `channel_max`, 2047 or more.
const CHANNELS: usize = 1000;
/// Heartbeat interval that the client proposes, in seconds.
const HEARTBEAT: u16 = 20;

/// The connection to one vhost of one cluster.
#[derive(Debug)]
pub(crate) struct Slot {
    vhost: String,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Nothing,
    Connected(Arc<Live>),
    Failed { endpoint: Endpoint, at: Instant, error: Error },
}

/// An open connection and the channels that nobody uses at the moment.
#[derive(Debug)]
struct Live {
    endpoint: Endpoint,
    connection: Connection,
    opened: AtomicUsize,
    idle: SyncMutex<Vec<Channel>>,
}

// === impl Slot ===

impl Slot {
    pub(crate) fn new(vhost: &str) -> Self {
        Self { vhost: vhost.to_owned(), state: Mutex::new(State::Nothing) }
    }

    /// Performs `command` on a channel of its own.
    ///
    /// A connection that turns out to be dead is replaced once. When the broker closed the whole connection, which may have been
    /// another operation's fault, the command gets a connection to itself, so that the answer is about it and nothing else.
    pub(crate) async fn run(&self, endpoint: &Endpoint, command: Command<'_>) -> Result<(), Error> {
        let live = self.connected(endpoint).await?;
        let Err((error, scope)) = live.perform(command, &self.vhost).await else { return Ok(()) };
        if scope == Scope::Operation {
            return Err(error);
        }
        self.discard(&live).await;
        debug!(address = endpoint.address(), %error, "the connection to the broker is lost");
        let live = match error {
            Error::Unreachable { .. } => self.connected(endpoint).await?,
            _ => Arc::new(connect(endpoint, &self.vhost).await?),
        };
        live.perform(command, &self.vhost).await.map_err(|(error, _)| error)
    }

    async fn connected(&self, endpoint: &Endpoint) -> Result<Arc<Live>, Error> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Connected(live) if live.serves(endpoint) => return Ok(Arc::clone(live)),
            State::Failed { endpoint: failed, at, error }
                if failed == endpoint && at.elapsed() < GRUDGE =>
            {
                return Err(error.clone());
            }
            _ => {}
        }
        match connect(endpoint, &self.vhost).await {
            Ok(live) => {
                let live = Arc::new(live);
                *state = State::Connected(Arc::clone(&live));
                Ok(live)
            }
            Err(error) => {
                let at = Instant::now();
                *state = State::Failed { endpoint: endpoint.clone(), at, error: error.clone() };
                Err(error)
            }
        }
    }

    async fn discard(&self, broken: &Arc<Live>) {
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Connected(live) if Arc::ptr_eq(live, broken)) {
            *state = State::Nothing;
        }
    }
}

// === impl Live ===

impl Live {
    fn serves(&self, endpoint: &Endpoint) -> bool {
        let fresh = self.opened.load(Ordering::Relaxed) < CHANNELS;
        fresh && self.endpoint == *endpoint && self.connection.status().connected()
    }

    async fn perform(&self, command: Command<'_>, vhost: &str) -> Result<(), (Error, Scope)> {
        let work = async {
            let channel = self.channel().await?;
            command.perform(&channel).await?;
            self.give_back(channel);
            Ok::<_, lapin::Error>(())
        };
        let address = self.endpoint.address();
        match timeout(OPERATION, work).await {
            Ok(done) => done.map_err(|error| Error::read(&error, &address, vhost)),
            Err(_) => Err((silent(address, OPERATION), Scope::Connection)),
        }
    }

    async fn channel(&self) -> Result<Channel, lapin::Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(channel) if channel.status().connected() => Ok(channel),
            _ => {
                self.opened.fetch_add(1, Ordering::Relaxed);
                self.connection.create_channel().await
            }
        }
    }

    fn give_back(&self, channel: Channel) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CHANNELS {
            idle.push(channel);
        }
    }
}

async fn connect(endpoint: &Endpoint, vhost: &str) -> Result<Live, Error> {
    let uri = AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: endpoint.username.clone(),
                password: endpoint.password.reveal().to_owned(),
            },
            host: endpoint.host.clone(),
            port: endpoint.port,
        },
        vhost: vhost.to_owned(),
        query: AMQPQueryString { heartbeat: Some(HEARTBEAT), ..AMQPQueryString::default() },
    };
    let properties = ConnectionProperties::default().with_connection_name("warren-operator".into());
    let address = endpoint.address();
    match timeout(CONNECT, Connection::connect_uri(uri, properties)).await {
        Ok(Ok(connection)) => Ok(Live {
            endpoint: endpoint.clone(),
            connection,
            opened: AtomicUsize::new(0),
            idle: SyncMutex::default(),
        }),
        Ok(Err(error)) => Err(Error::read(&error, &address, vhost).0),
        Err(_) => Err(silent(address, CONNECT)),
    }
}

fn silent(address: String, limit: Duration) -> Error {
    Error::Unreachable { address, reason: format!("no answer within {} s", limit.as_secs()) }
}
