//! Parameters: named values, and what RabbitMQ files under that name.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{GlobalParameter, Parameter, ParameterChange};
use broker_core::access::{Access, Command, Tag};
use broker_core::policy::Rank;
use broker_core::topology::Vhost;
use serde_json::{Value, json};

use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::limits;
use crate::management::payload::{Names, Payload};
use crate::management::policies;
use crate::management::writing::{Answered, done, put, write_access};
use crate::node::Node;

type Shared = State<Arc<Node>>;

/// The limits of a vhost.
pub(super) const VHOST_LIMITS: &str = "vhost-limits";

/// An operator policy.
pub(super) const OPERATOR_POLICY: &str = "operator_policy";

/// `GET /api/parameters`: of the vhosts that the caller may look at.
pub(super) async fn list(State(node): Shared, caller: Caller) -> Answered {
    shown(&node, &caller, |_| true)
}

/// `GET /api/parameters/{component}`.
pub(super) async fn of_component(
    State(node): Shared,
    caller: Caller,
    Names(component): Names<String>,
) -> Answered {
    shown(&node, &caller, |parameter| parameter.component == component)
}

/// `GET /api/parameters/{component}/{vhost}`.
pub(super) async fn of_vhost(
    State(node): Shared,
    caller: Caller,
    Names((component, vhost)): Names<(String, String)>,
) -> Answered {
    caller.look(&node.directory.routes(), &vhost)?;
    shown(&node, &caller, |found| found.component == component && found.vhost == vhost)
}

/// `GET /api/global-parameters`.
pub(super) async fn globals(State(node): Shared, caller: Caller) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Policymaker)?;
    Ok(Json(all_globals(routes.access())).into_response())
}

/// `GET /api/global-parameters/{name}`.
pub(super) async fn get(
    State(node): Shared,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Policymaker)?;
    let found = all_globals(routes.access()).into_iter().find(|found| found.name == name);
    Ok(Json(found.ok_or_else(Failed::not_found)?).into_response())
}

/// `PUT /api/global-parameters/{name}`.
pub(super) async fn set(
    State(node): Shared,
    caller: Caller,
    Names(name): Names<String>,
    Payload(ParameterChange { value }): Payload<ParameterChange>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let created = !node.directory.routes().access().parameters().any(|(known, _)| **known == *name);
    set_global(&node, &caller, &name, &value).await?;
    Ok(put(created))
}

/// `DELETE /api/global-parameters/{name}`.
pub(super) async fn clear(
    State(node): Shared,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Administrator)?;
    let command = Command::ClearParameter { name: name.into() };
    if write_access(&node, &caller, command).await? { Ok(done()) } else { Err(Failed::not_found()) }
}

/// Keeps a named value.
pub(super) async fn set_global(
    node: &Node,
    caller: &Caller,
    name: &str,
    value: &Value,
) -> Result<(), Failed> {
    let value = value.to_string().into();
    write_access(node, caller, Command::SetParameter { name: name.into(), value }).await.map(drop)
}

/// All named values.
pub(super) fn all_globals(access: &Access) -> Vec<GlobalParameter> {
    let globals = access.parameters().map(|(name, value)| GlobalParameter {
        name: name.to_string(),
        // What was stored was JSON.
        value: serde_json::from_str(value).unwrap_or(Value::Null),
    });
    globals.collect()
}

/// What RabbitMQ files as parameters of a vhost.
pub(super) fn of(vhost: &Vhost) -> Vec<Parameter> {
    let limits = limits::of_vhost(vhost).map(|limits| Parameter {
        component: VHOST_LIMITS.to_owned(),
        vhost: limits.vhost,
        name: "limits".to_owned(),
        value: json!(limits.value),
    });
    let operator = policies::describe_all(vhost, Rank::Operator).into_iter();
    let operator = operator.map(|policy| Parameter {
        component: OPERATOR_POLICY.to_owned(),
        vhost: policy.vhost,
        name: policy.name,
        value: json!({
            "pattern": policy.pattern,
            "apply-to": policy.apply_to,
            "definition": policy.definition,
            "priority": policy.priority,
        }),
    });
    limits.into_iter().chain(operator).collect()
}

fn shown(node: &Node, caller: &Caller, which: impl Fn(&Parameter) -> bool) -> Answered {
    let routes = node.directory.routes();
    caller.needs(&routes, Tag::Policymaker)?;
    let seen = routes.vhosts().filter(|vhost| caller.sees(&routes, vhost.name()));
    let found: Vec<Parameter> = seen.flat_map(of).filter(which).collect();
    Ok(Json(found).into_response())
}
