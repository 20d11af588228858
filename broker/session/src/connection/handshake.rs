//! From the protocol header to an open connection (section 2.2.4).

use broker_core::name::Name;
use broker_protocol::frame::{MIN_FRAME_MAX, PROTOCOL_HEADER};
use broker_protocol::method::{Method, connection};
use broker_protocol::reply::ReplyCode;
use broker_protocol::table::{FieldTable, Value};
use bytes::{Buf, BytesMut};

use crate::connection::answers::Awaited;
use crate::connection::{Capabilities, Connection, Phase};
use crate::fault::Fault;
use crate::login::{Login, Mechanism};
use crate::request::Request;

/// What the broker can do beyond AMQP 0-9-1, by RabbitMQ's names.
const CAPABILITIES: [&str; 9] = [
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
];

/// Milliseconds that a client waits for the news that its login failed, if it cannot be told in words.
const LOGIN_FAILURE_PAUSE_MS: u64 = 1_000;

// === impl Connection ===

impl Connection {
    /// Takes the protocol header off `input` and greets; `false` if there is nothing more to do.
    ///
    /// A client that speaks another protocol is told which one is spoken here.
    pub(super) fn protocol_header(
        &mut self,
        input: &mut BytesMut,
        requests: &mut Vec<Request>,
    ) -> bool {
        let known = input.len().min(PROTOCOL_HEADER.len());
        if input[..known.min(4)] == PROTOCOL_HEADER[..known.min(4)] {
            if known < PROTOCOL_HEADER.len() {
                return false;
            }
            // 0-9-1, and 0-9 and 0-8 as their clients announce them.
            if matches!(&input[4..8], [0, 0, 9, 1] | [1, 1, 0, 9] | [1, 1, 8, 0] | [1, 1, 9, 1]) {
                input.advance(PROTOCOL_HEADER.len());
                self.phase = Phase::StartOk;
                self.greet();
                return true;
            }
        }
        input.clear();
        self.output.scratch().extend_from_slice(&PROTOCOL_HEADER);
        self.finish(requests);
        false
    }

    /// The connection itself has proved that the client is `user`, as by a certificate. To be called
    /// before anything was received; the client may then log in without a password.
    pub fn certified(&mut self, user: &str) {
        self.certified = Some(user.into());
    }

    fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        Mechanism::offered(self.certified.is_some())
    }

    fn greet(&mut self) {
        let mechanisms: Vec<_> = self.mechanisms().map(Mechanism::name).collect();
        let mut server_properties = self.settings.server_properties.clone();
        let capabilities: FieldTable = CAPABILITIES.into_iter().map(|name| (name, true)).collect();
        server_properties.insert("capabilities", capabilities);
        self.send(
            0,
            connection::Start {
                version_major: 0,
                version_minor: 9,
                server_properties,
                mechanisms: mechanisms.join(" ").as_bytes(),
                locales: b"en_US",
            },
        );
    }

    /// A method on channel 0 before the connection is open.
    pub(super) fn handshake(
        &mut self,
        method: Method<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        match (self.phase, method) {
            (Phase::StartOk, Method::ConnectionStartOk(start_ok)) => {
                self.start_ok(start_ok, requests)
            }
            (Phase::TuneOk, Method::ConnectionTuneOk(tune_ok)) => self.tune_ok(&tune_ok),
            (Phase::Open, Method::ConnectionOpen(open)) => {
                self.vhost = Name::new(open.virtual_host);
                self.awaited = Some(Awaited::Vhost);
                requests.push(Request::OpenVhost(self.vhost.clone()));
                Ok(())
            }
            (_, method) => Err(Fault::unexpected(method.name())),
        }
    }

    fn start_ok(
        &mut self,
        start_ok: connection::StartOk<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        self.capabilities = Capabilities::of(&start_ok.client_properties);
        self.client_properties = start_ok.client_properties;
        let wanted = start_ok.mechanism;
        let Some(mechanism) = self.mechanisms().find(|offered| offered.name() == wanted) else {
            return Err(Fault::connection(
                ReplyCode::CommandInvalid,
                format_args!("unknown authentication mechanism '{wanted}'"),
            ));
        };
        match Login::parse(mechanism, start_ok.response, self.certified.as_deref()) {
            Some(login) => {
                self.user = Name::new(&login.user);
                self.awaited = Some(Awaited::Login { mechanism });
                requests.push(Request::Authenticate(login));
            }
            None => self.login_refused(mechanism, requests),
        }
        Ok(())
    }

    /// The credentials hold: proposes limits.
    pub(super) fn login_accepted(&mut self) {
        self.phase = Phase::TuneOk;
        self.send(
            0,
            connection::Tune {
                channel_max: self.limits.channel_max,
                frame_max: self.settings.frame_max.max(MIN_FRAME_MAX),
                heartbeat: self.settings.heartbeat_secs,
            },
        );
    }

    /// The credentials do not hold: says so to a client that understands it, and to others after a pause by closing.
    pub(super) fn login_refused(&mut self, mechanism: Mechanism, requests: &mut Vec<Request>) {
        let mechanism = mechanism.name();
        if self.capabilities.authentication_failure_close {
            let text = format_args!(
                "Login was refused using authentication mechanism {mechanism}. \
                 For details see the broker logfile."
            );
            self.fail(Fault::connection(ReplyCode::AccessRefused, text), (0, 0), requests);
        } else {
            self.phase = Phase::Closing;
            self.times.set_deadline(LOGIN_FAILURE_PAUSE_MS);
        }
    }

    fn tune_ok(&mut self, tune_ok: &connection::TuneOk) -> Result<(), Fault> {
        let proposed = self.settings.frame_max.max(MIN_FRAME_MAX);
        let frame_max = agreed("frame_max", tune_ok.frame_max, proposed)?;
        if frame_max < MIN_FRAME_MAX {
            return Err(Fault::connection(
                ReplyCode::NotAllowed,
                format_args!(
                    "negotiated frame_max = {frame_max} is lower than the minimum allowed value ({MIN_FRAME_MAX})"
                ),
            ));
        }
        let channel_max =
            agreed("channel_max", tune_ok.channel_max.into(), self.limits.channel_max.into())?;
        self.limits.frame_max = frame_max;
        self.limits.channel_max = u16::try_from(channel_max).unwrap_or(self.limits.channel_max);
        self.limits.heartbeat_ms = u64::from(tune_ok.heartbeat) * 1000;
        self.phase = Phase::Open;
        Ok(())
    }

    /// The virtual host is there: open for business.
    pub(super) fn opened(&mut self) {
        self.phase = Phase::Running;
        self.times.clear_deadline();
        self.send(0, connection::OpenOk {});
    }
}

/// A limit as the client wants it, which may not be above what was proposed; 0 leaves it to the broker.
fn agreed(name: &str, wanted: u32, proposed: u32) -> Result<u32, Fault> {
    match wanted {
        0 => Ok(proposed),
        wanted if proposed != 0 && wanted > proposed => Err(Fault::connection(
            ReplyCode::NotAllowed,
            format_args!(
                "negotiated {name} = {wanted} is higher than the maximum allowed value ({proposed})"
            ),
        )),
        wanted => Ok(wanted),
    }
}

// === impl Capabilities ===

impl Capabilities {
    fn of(client_properties: &FieldTable) -> Self {
        let Some(Value::Table(table)) = client_properties.get("capabilities") else {
            return Self::default();
        };
        let has = |name| table.get(name).and_then(Value::as_bool).unwrap_or(false);
        Self {
            cancel_notify: has("consumer_cancel_notify"),
            blocked: has("connection.blocked"),
            authentication_failure_close: has("authentication_failure_close"),
        }
    }
}
