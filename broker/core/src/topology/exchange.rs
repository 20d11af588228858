//! Exchanges: what they are, and the rules of declaring and deleting them.

use std::sync::Arc;

use broker_protocol::reply::ReplyCode;
use broker_protocol::table::{FieldTable, Value};

use crate::arguments::{self, RESERVED};
use crate::dedup::{Judge, Rule, rule};
use crate::id::QueueId;
use crate::name::Name;
use crate::policy::{Governed, Policies};
use crate::queue::Settings;
use crate::refusal::Refusal;
use crate::routing::Router;
use crate::topology::command::{DeclareExchange, Outcome};
use crate::topology::exchange_kind::ExchangeKind;
use crate::topology::{Topology, Vhost, delayed};

/// Where messages go that an exchange has no binding for.
pub(crate) const ALTERNATE: &str = "alternate-exchange";

/// One exchange, with its bindings arranged for routing.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Its name; empty for the default exchange.
    pub name: Name,
    /// Its type.
    pub kind: ExchangeKind,
    /// Survives a restart.
    pub durable: bool,
    /// Goes when the last binding from it goes.
    pub auto_delete: bool,
    /// Only other exchanges publish to it.
    pub internal: bool,
    /// Where messages go that it has no binding for.
    pub alternate: Option<Name>,
    /// The queue of its delayed messages, if it delays any.
    pub delays: Option<QueueId>,
    /// Whether it tells duplicates, and how.
    pub(crate) dedup: Option<Judge>,
    /// The arguments as declared.
    pub arguments: FieldTable,
    /// The policies that apply to it.
    pub governed: Governed,
    pub(crate) router: Router,
}

// === impl Exchange ===

impl Exchange {
    /// The queue of its delayed messages, if it has one.
    pub(super) fn schedule(&self, vhost: &Name) -> Option<(QueueId, Arc<Settings>)> {
        let plain = Settings::new(vhost.clone(), self.name.clone());
        let settings = Settings { durable: self.durable, schedule: true, ..plain };
        Some((self.delays?, Arc::new(settings)))
    }

    /// Whether the exchange is under these policies already.
    pub(super) fn is_under(&self, policies: &Policies) -> bool {
        policies.of_exchange(&self.name) == self.governed
    }

    /// Puts the exchange under these policies.
    pub(super) fn put_under(&mut self, policies: &Policies) {
        self.governed = policies.of_exchange(&self.name);
        let declared = self.arguments.get(ALTERNATE).and_then(Value::as_str).map(Name::new);
        self.alternate = self.governed.alternate(declared);
    }
}

// === impl Topology ===

impl Topology {
    pub(super) fn declare_exchange(&mut self, wanted: DeclareExchange) -> Result<Outcome, Refusal> {
        let kind = ExchangeKind::from_name(&wanted.kind);
        if !wanted.passive && kind.is_none() {
            // So RabbitMQ says of a word that means something to it, though not a type.
            let what = if wanted.kind.is_empty() { "invalid" } else { "unknown" };
            let detail = format_args!("{what} exchange type '{}'", wanted.kind);
            return Err(Refusal::new(ReplyCode::CommandInvalid, detail));
        }
        not_default(&wanted.name)?;
        let vhost = self.vhost_mut(&wanted.vhost)?;
        match (vhost.exchange(&wanted.name), kind) {
            (Some(_), _) if wanted.passive => Ok(Outcome::Done { changed: false }),
            (Some(current), Some(kind)) => {
                assert_equivalent(vhost, current, &wanted, kind)?;
                Ok(Outcome::Done { changed: false })
            }
            (None, Some(kind)) if !wanted.passive => {
                arguments::check_not_reserved("exchange", &wanted.name)?;
                let exchange = create(vhost, wanted, kind)?;
                vhost.insert_exchange(exchange);
                Ok(Outcome::Done { changed: true })
            }
            (Some(_) | None, _) => Err(Refusal::no_exchange(&wanted.vhost, &wanted.name)),
        }
    }

    pub(super) fn delete_exchange(
        &mut self,
        vhost: &Name,
        name: &Name,
        if_unused: bool,
    ) -> Result<Outcome, Refusal> {
        not_default(name)?;
        if name.starts_with(RESERVED) {
            return Err(Refusal::access(format_args!(
                "deletion of system exchange '{name}' in vhost '{vhost}' not allowed"
            )));
        }
        let state = self.vhost_mut(vhost)?;
        if if_unused && state.bindings_from(name).next().is_some() {
            let detail = format_args!("exchange '{name}' in vhost '{vhost}' in use");
            return Err(Refusal::precondition(detail));
        }
        Ok(Outcome::Done { changed: state.remove_exchange(name) })
    }
}

/// Refuses the default exchange, which can be published to and nothing else.
pub(super) fn not_default(name: &str) -> Result<(), Refusal> {
    match name {
        "" => Err(Refusal::access("operation not permitted on the default exchange")),
        _ => Ok(()),
    }
}

/// The exchanges every vhost begins with.
pub(super) fn predeclared() -> impl Iterator<Item = Exchange> {
    let all = [
        ("", ExchangeKind::Direct),
        ("amq.direct", ExchangeKind::Direct),
        ("amq.fanout", ExchangeKind::Fanout),
        ("amq.headers", ExchangeKind::Headers),
        ("amq.match", ExchangeKind::Headers),
        ("amq.topic", ExchangeKind::Topic),
    ];
    all.into_iter().map(|(name, kind)| Exchange {
        name: Name::new(name),
        kind,
        durable: true,
        auto_delete: false,
        internal: false,
        alternate: None,
        delays: None,
        dedup: None,
        arguments: FieldTable::new(),
        governed: Governed::default(),
        router: Router::new(kind, &FieldTable::new(), name)
            .expect("the predeclared types take no arguments"),
    })
}

fn create(vhost: &Vhost, wanted: DeclareExchange, kind: ExchangeKind) -> Result<Exchange, Refusal> {
    let entity = format!("exchange '{}' in vhost '{}'", wanted.name, vhost.name());
    let declared = arguments::name(&wanted.arguments, ALTERNATE, &entity)?;
    let governed = vhost.policies().of_exchange(&wanted.name);
    let inner = delayed::inner(kind, &wanted.arguments)?;
    let rule = match inner {
        ExchangeKind::MessageDeduplication => Some(Rule::required(&wanted.arguments, &entity)?),
        _ => Rule::from_arguments(&wanted.arguments, &entity)?,
    };
    Ok(Exchange {
        delays: (kind != inner).then_some(wanted.delays),
        dedup: rule.map(|rule| Judge::new(&wanted.name, rule)),
        name: wanted.name,
        kind,
        durable: wanted.durable,
        auto_delete: wanted.auto_delete,
        internal: wanted.internal,
        alternate: governed.alternate(declared),
        router: Router::new(inner, &wanted.arguments, &entity)?,
        arguments: wanted.arguments,
        governed,
    })
}

fn assert_equivalent(
    vhost: &Vhost,
    current: &Exchange,
    wanted: &DeclareExchange,
    kind: ExchangeKind,
) -> Result<(), Refusal> {
    let entity = format!("exchange '{}' in vhost '{}'", current.name, vhost.name());
    arguments::assert_same("type", &entity, kind.name(), current.kind.name())?;
    arguments::assert_same("durable", &entity, wanted.durable, current.durable)?;
    arguments::assert_same("auto_delete", &entity, wanted.auto_delete, current.auto_delete)?;
    arguments::assert_same("internal", &entity, wanted.internal, current.internal)?;
    let (wanted, current) = (&wanted.arguments, &current.arguments);
    arguments::assert_equivalent(&[ALTERNATE], &entity, wanted, current)?;
    arguments::assert_equivalent(&rule::COMPARED, &entity, wanted, current)?;
    arguments::assert_equivalent(&[delayed::TYPE], &entity, wanted, current)
}
