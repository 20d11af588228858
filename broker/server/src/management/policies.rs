//! Policies and operator policies.
//!
//! A change is answered once it survives a crash. Queues have then been told, and do what they are
//! asked after the answer under the new policies.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use axum::routing::{MethodRouter, get};
use broker_api::Policy as Described;
use broker_core::access::Tag;
use broker_core::name::Name;
use broker_core::policy::{ApplyTo, Invalid, Pattern, Policy, Rank};
use broker_core::topology::{Command, Vhost};
use broker_protocol::table::FieldTable;

use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::json;
use crate::management::payload::{Names, Payload, short};
use crate::management::writing::{Answered, done, put, settle};
use crate::node::Node;

type Shared = State<Arc<Node>>;

/// `/policies` or `/operator-policies`.
pub(super) fn everywhere(rank: Rank) -> MethodRouter<Arc<Node>> {
    get(async move |State(node): Shared, caller: Caller| {
        let routes = node.directory.routes();
        let seen = routes.vhosts().filter(|vhost| caller.sees(&routes, vhost.name()));
        Json(seen.flat_map(|vhost| describe_all(vhost, rank)).collect::<Vec<_>>())
    })
}

/// The same of one vhost.
pub(super) fn in_vhost(rank: Rank) -> MethodRouter<Arc<Node>> {
    get(async move |State(node): Shared, caller: Caller, Names(vhost): Names<String>| {
        let routes = node.directory.routes();
        let policies = describe_all(caller.look(&routes, &vhost)?, rank);
        Answered::Ok(Json(policies).into_response())
    })
}

/// One policy.
pub(super) fn one(rank: Rank) -> MethodRouter<Arc<Node>> {
    type At = Names<(String, String)>;
    get(async move |State(node): Shared, caller: Caller, Names((vhost, name)): At| {
        let routes = node.directory.routes();
        let vhost = caller.look(&routes, &vhost)?;
        let policy = vhost.policies().get(rank, &name.into()).ok_or_else(Failed::not_found)?;
        Answered::Ok(Json(describe(vhost, policy)).into_response())
    })
    .put(
        async move |State(node): Shared,
                    caller: Caller,
                    Names((vhost, name)): At,
                    Payload(wanted): Payload<Described>| {
            set(&node, &caller, (rank, vhost.into(), name.into()), &wanted).await
        },
    )
    .delete(async move |State(node): Shared, caller: Caller, Names((vhost, name)): At| {
        delete(&node, &caller, (rank, vhost.into(), name.into())).await
    })
}

/// Where a policy is: its rank, its vhost and its name.
type Place = (Rank, Name, Name);

/// Makes or replaces a policy.
pub(super) async fn set(
    node: &Node,
    caller: &Caller,
    (rank, vhost, name): Place,
    wanted: &Described,
) -> Answered {
    let known = is_known(node, caller, (rank, &vhost, &name))?;
    let policy = read(rank, &name, wanted)?;
    carry_out(node, Command::SetPolicy { vhost, rank, policy: Arc::new(policy) }).await?;
    Ok(put(!known))
}

async fn delete(node: &Node, caller: &Caller, (rank, vhost, name): Place) -> Answered {
    if !is_known(node, caller, (rank, &vhost, &name))? {
        return Err(Failed::not_found());
    }
    carry_out(node, Command::DeletePolicy { vhost, rank, name }).await?;
    Ok(done())
}

/// Whether there is such a policy; refuses whoever may not change it.
fn is_known(
    node: &Node,
    caller: &Caller,
    (rank, vhost, name): (Rank, &Name, &Name),
) -> Result<bool, Failed> {
    let routes = node.directory.routes();
    caller.needs(
        &routes,
        match rank {
            Rank::User => Tag::Policymaker,
            Rank::Operator => Tag::Administrator,
        },
    )?;
    // Seeing a vhost is not enough: who may look at all of them may not change them.
    let vhost = match routes.access().bears(&caller.0, Tag::Administrator) {
        true => caller.look(&routes, vhost)?,
        false => caller.enter(&routes, vhost)?,
    };
    Ok(vhost.policies().get(rank, name).is_some())
}

async fn carry_out(node: &Node, command: Command) -> Result<(), Failed> {
    settle(node, node.govern(command)?).await.map(drop)
}

/// The policy that is described.
pub(super) fn read(rank: Rank, name: &Name, wanted: &Described) -> Result<Policy, Failed> {
    let (name, definition) = (short(name)?, json::table(&wanted.definition)?);
    policy(rank, name, wanted, definition)
        .map_err(|invalid| Failed::bad_request(format_args!("Validation failed: {invalid}")))
}

fn policy(
    rank: Rank,
    name: Name,
    wanted: &Described,
    definition: FieldTable,
) -> Result<Policy, Invalid> {
    let apply_to = ApplyTo::from_name(&wanted.apply_to)?;
    let pattern = Pattern::new(&wanted.pattern)?;
    Policy::new(rank, name, pattern, apply_to, wanted.priority, definition)
}

pub(super) fn describe_all(vhost: &Vhost, rank: Rank) -> Vec<Described> {
    vhost.policies().of(rank).map(|policy| describe(vhost, policy)).collect()
}

fn describe(vhost: &Vhost, policy: &Policy) -> Described {
    Described {
        vhost: vhost.name().to_string(),
        name: policy.name.to_string(),
        pattern: policy.pattern.as_str().to_owned(),
        apply_to: policy.apply_to.name().to_owned(),
        definition: json::arguments(policy.definition()),
        priority: policy.priority,
    }
}
