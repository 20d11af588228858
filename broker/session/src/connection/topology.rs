//! Methods of the classes `exchange` and `queue`: translated and handed on.

use broker_core::name::Name;
use broker_core::topology::{Binding, DeclareExchange, Destination};
use broker_protocol::method::{Method, exchange, queue};
use broker_protocol::reply::ReplyCode;
use broker_protocol::table::FieldTable;

use crate::connection::Connection;
use crate::connection::answers::Reply;
use crate::fault::Fault;
use crate::request::{QueueDeclaration, Request};

// === impl Connection ===

impl Connection {
    pub(super) fn topology_method(
        &mut self,
        number: u16,
        method: Method<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        let id = method.id();
        let (request, reply) = match method {
            Method::ExchangeDeclare(_)
            | Method::ExchangeDelete(_)
            | Method::ExchangeBind(_)
            | Method::ExchangeUnbind(_) => self.exchange_method(method)?,
            _ => self.queue_method(number, method)?,
        };
        self.ask(number, id, reply, request, requests);
        Ok(())
    }

    fn exchange_method(&self, method: Method<'_>) -> Result<(Request, Reply), Fault> {
        let vhost = || self.vhost.clone();
        Ok(match method {
            Method::ExchangeDeclare(declare) => {
                let done = done(declare.no_wait, exchange::DeclareOk {});
                let declare = DeclareExchange {
                    vhost: vhost(),
                    name: one_line(declare.exchange),
                    kind: declare.kind.into(),
                    passive: declare.passive,
                    durable: declare.durable,
                    auto_delete: declare.auto_delete,
                    internal: declare.internal,
                    delays: broker_core::id::QueueId(0),
                    arguments: declare.arguments,
                };
                (Request::DeclareExchange(Box::new(declare)), done)
            }
            Method::ExchangeDelete(delete) => {
                let name = one_line(delete.exchange);
                let request = Request::DeleteExchange { name, if_unused: delete.if_unused };
                (request, done(delete.no_wait, exchange::DeleteOk {}))
            }
            Method::ExchangeBind(bind) => {
                let to = Destination::Exchange(bind.destination.into());
                let binding = binding(vhost(), bind.source, to, bind.routing_key, bind.arguments);
                (Request::Bind(Box::new(binding)), done(bind.no_wait, exchange::BindOk {}))
            }
            Method::ExchangeUnbind(unbind) => {
                let to = Destination::Exchange(unbind.destination.into());
                let (source, key) = (unbind.source, unbind.routing_key);
                let binding = binding(vhost(), source, to, key, unbind.arguments);
                (Request::Unbind(Box::new(binding)), done(unbind.no_wait, exchange::UnbindOk {}))
            }
            method => return Err(unimplemented_method(&method)),
        })
    }

    fn queue_method(&mut self, number: u16, method: Method<'_>) -> Result<(Request, Reply), Fault> {
        Ok(match method {
            Method::QueueDeclare(declare) => declaration(declare),
            Method::QueueBind(bind) => {
                let key = self.routing_key_or_last(number, bind.queue, bind.routing_key)?;
                let to = Destination::Queue(self.queue_or_last(number, bind.queue)?);
                let binding = binding(self.vhost.clone(), bind.exchange, to, &key, bind.arguments);
                (Request::Bind(Box::new(binding)), done(bind.no_wait, queue::BindOk {}))
            }
            Method::QueueUnbind(unbind) => {
                let key = self.routing_key_or_last(number, unbind.queue, unbind.routing_key)?;
                let to = Destination::Queue(self.queue_or_last(number, unbind.queue)?);
                let binding =
                    binding(self.vhost.clone(), unbind.exchange, to, &key, unbind.arguments);
                (Request::Unbind(Box::new(binding)), done(false, queue::UnbindOk {}))
            }
            Method::QueuePurge(purge) => {
                let name = self.queue_or_last(number, purge.queue)?;
                (Request::PurgeQueue { name }, Reply::Purged { no_wait: purge.no_wait })
            }
            Method::QueueDelete(delete) => {
                let name = self.queue_or_last(number, &one_line(delete.queue))?;
                let request = Request::DeleteQueue {
                    name,
                    if_unused: delete.if_unused,
                    if_empty: delete.if_empty,
                };
                (request, Reply::Deleted { no_wait: delete.no_wait })
            }
            method => return Err(unimplemented_method(&method)),
        })
    }

    /// The queue of this name; an empty one stands for the queue last declared on the channel.
    pub(super) fn queue_or_last(&mut self, number: u16, name: &str) -> Result<Name, Fault> {
        if !name.is_empty() {
            return Ok(name.into());
        }
        let last = self.channel(number).and_then(|channel| channel.last_queue.clone());
        last.ok_or_else(|| Fault::channel(ReplyCode::NotFound, "no previously declared queue"))
    }

    /// With neither queue nor routing key, the key too is the name of the queue last declared.
    fn routing_key_or_last(
        &mut self,
        number: u16,
        queue: &str,
        routing_key: &str,
    ) -> Result<Name, Fault> {
        if queue.is_empty() && routing_key.is_empty() {
            self.queue_or_last(number, queue)
        } else {
            Ok(routing_key.into())
        }
    }
}

fn declaration(declare: queue::Declare<'_>) -> (Request, Reply) {
    let declaration = QueueDeclaration {
        name: one_line(declare.queue),
        passive: declare.passive,
        durable: declare.durable,
        exclusive: declare.exclusive,
        auto_delete: declare.auto_delete,
        arguments: declare.arguments,
    };
    let request = Request::DeclareQueue(Box::new(declaration));
    (request, Reply::Queue { no_wait: declare.no_wait })
}

/// The name of what is declared or deleted, without line ends, which RabbitMQ drops.
fn one_line(name: &str) -> Name {
    if name.contains(['\r', '\n']) { name.replace(['\r', '\n'], "").into() } else { name.into() }
}

fn done(no_wait: bool, method: impl Into<Method<'static>>) -> Reply {
    Reply::Done((!no_wait).then(|| method.into()))
}

fn binding(
    vhost: Name,
    source: &str,
    destination: Destination,
    routing_key: &str,
    arguments: FieldTable,
) -> Binding {
    Binding {
        vhost,
        source: source.into(),
        destination,
        routing_key: routing_key.into(),
        arguments,
    }
}

/// A method that only a broker sends.
pub(super) fn unimplemented_method(method: &Method<'_>) -> Fault {
    Fault::connection(
        ReplyCode::CommandInvalid,
        format_args!("unimplemented method '{}'", method.name()),
    )
}
