//! A document becomes metadata.

use std::sync::Arc;

use broker_api::{
    Binding, Definitions, Parameter, Permission, PermissionChange, Policy, TopicPermission,
    TopicPermissionChange, User, UserChange, VhostDefinition,
};
use broker_core::policy::Rank;
use broker_core::topology::Command;
use tokio::task::JoinSet;

use crate::durable::topology_record::NOBODY;
use crate::management::declaring::{make_exchange, make_queue};
use crate::management::definitions::reading::{is_ours, operator_policy, to_bind};
use crate::management::definitions::rehearsal::rehearse;
use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::parameters::{OPERATOR_POLICY, VHOST_LIMITS};
use crate::management::writing::write;
use crate::management::{limits, parameters, permissions, policies, users, vhosts};
use crate::node::Node;

/// How many things of a kind are made at a time, and so wait for one sync of the log.
const AT_ONCE: usize = 256;

/// Whoever imports, and into what. Cheap to clone.
#[derive(Debug, Clone)]
struct Importer {
    node: Arc<Node>,
    caller: Arc<Caller>,
}

/// Carries out a whole document.
pub(super) async fn everything(
    node: Arc<Node>,
    caller: Caller,
    mut definitions: Definitions,
) -> Result<(), Failed> {
    rehearse(&node.directory.routes(), &definitions)?;
    let to = Importer { node, caller: Arc::new(caller) };
    each(&to, std::mem::take(&mut definitions.users), Importer::user).await?;
    each(&to, std::mem::take(&mut definitions.vhosts), Importer::vhost).await?;
    each(&to, std::mem::take(&mut definitions.permissions), Importer::permission).await?;
    each(&to, std::mem::take(&mut definitions.topic_permissions), Importer::topic).await?;
    for global in std::mem::take(&mut definitions.global_parameters) {
        parameters::set_global(&to.node, &to.caller, &global.name, &global.value).await?;
    }
    objects(&to, definitions).await
}

/// Carries out what a document says of the inside of a vhost, which all of it goes to.
pub(super) async fn into_vhost(
    node: Arc<Node>,
    caller: Caller,
    vhost: &str,
    mut definitions: Definitions,
) -> Result<(), Failed> {
    let to = Importer { node, caller: Arc::new(caller) };
    definitions.queues.iter_mut().for_each(|queue| vhost.clone_into(&mut queue.vhost));
    definitions.exchanges.iter_mut().for_each(|exchange| vhost.clone_into(&mut exchange.vhost));
    definitions.bindings.iter_mut().for_each(|binding| vhost.clone_into(&mut binding.vhost));
    definitions.policies.iter_mut().for_each(|policy| vhost.clone_into(&mut policy.vhost));
    definitions.parameters.iter_mut().for_each(|found| vhost.clone_into(&mut found.vhost));
    // Of anything else, such as users, nothing is carried out.
    let Definitions { parameters, policies, exchanges, queues, bindings, .. } = definitions;
    let inside =
        Definitions { parameters, policies, exchanges, queues, bindings, ..Definitions::default() };
    rehearse(&to.node.directory.routes(), &inside)?;
    objects(&to, inside).await
}

async fn objects(to: &Importer, definitions: Definitions) -> Result<(), Failed> {
    let Definitions { parameters, policies, exchanges, queues, bindings, .. } = definitions;
    each(to, parameters, Importer::parameter).await?;
    each(to, policies, |to, policy| to.policy(Rank::User, policy)).await?;
    each(to, exchanges, async |to: Importer, exchange| {
        if !is_ours(&exchange.name) {
            return Ok(());
        }
        let name = (&*exchange.vhost, &*exchange.name);
        make_exchange(&to.node, &to.caller, name, exchange.declaration).await.map(drop)
    })
    .await?;
    each(to, queues, async |to: Importer, queue| {
        let name = (&*queue.vhost, &*queue.name);
        make_queue(&to.node, &to.caller, name, queue.declaration).await.map(drop)
    })
    .await?;
    each(to, bindings, Importer::binding).await
}

/// Makes things of one kind, many at a time; the first that is refused is the answer.
async fn each<T, F>(
    to: &Importer,
    things: Vec<T>,
    make: impl Fn(Importer, T) -> F,
) -> Result<(), Failed>
where
    F: Future<Output = Result<(), Failed>> + Send + 'static,
{
    let mut things = things.into_iter().peekable();
    while things.peek().is_some() {
        let mut tasks = JoinSet::new();
        for thing in things.by_ref().take(AT_ONCE) {
            tasks.spawn(make(to.clone(), thing));
        }
        while let Some(made) = tasks.join_next().await {
            made.map_err(|_| Failed::unavailable())??;
        }
    }
    Ok(())
}

// === impl Importer ===

impl Importer {
    async fn user(self, user: User) -> Result<(), Failed> {
        let change = UserChange {
            password: None,
            password_hash: Some(user.password_hash).filter(|hash| !hash.is_empty()),
            hashing_algorithm: Some(user.hashing_algorithm).filter(|method| !method.is_empty()),
            tags: Some(user.tags),
        };
        users::change_user(&self.node, &self.caller, &user.name, change).await?;
        limits::limit_user_to(&self.node, &self.caller, &user.name, &user.limits).await
    }

    async fn vhost(self, vhost: VhostDefinition) -> Result<(), Failed> {
        let VhostDefinition { name, properties, metadata, limits } = vhost;
        let properties = metadata.unwrap_or(properties);
        vhosts::create(&self.node, &self.caller, &name, properties).await?;
        limits::limit_vhost_to(&self.node, &self.caller, &name, &limits).await
    }

    async fn permission(self, permission: Permission) -> Result<(), Failed> {
        let Permission { user, vhost, configure, write, read } = permission;
        let change = PermissionChange { configure, write, read };
        permissions::permit(&self.node, &self.caller, (&vhost, &user), &change).await
    }

    async fn topic(self, permission: TopicPermission) -> Result<(), Failed> {
        let TopicPermission { user, vhost, exchange, write, read } = permission;
        let change = TopicPermissionChange { exchange, write, read };
        permissions::permit_topic(&self.node, &self.caller, (&vhost, &user), &change).await
    }

    async fn parameter(self, parameter: Parameter) -> Result<(), Failed> {
        let Parameter { component, vhost, name, value } = parameter;
        match component.as_str() {
            VHOST_LIMITS => {
                let values = serde_json::from_value(value).map_err(Failed::bad_request)?;
                limits::limit_vhost_to(&self.node, &self.caller, &vhost, &values).await
            }
            OPERATOR_POLICY => {
                let policy = operator_policy(Parameter { component, vhost, name, value })?;
                self.policy(Rank::Operator, policy).await
            }
            // Of a plug-in that this broker has not: its other definitions are of use all the same.
            _ => {
                tracing::warn!(
                    component,
                    vhost,
                    name,
                    "a parameter of an unknown component was skipped"
                );
                Ok(())
            }
        }
    }

    async fn policy(self, rank: Rank, policy: Policy) -> Result<(), Failed> {
        let place = (rank, policy.vhost.as_str().into(), policy.name.as_str().into());
        policies::set(&self.node, &self.caller, place, &policy).await.map(drop)
    }

    async fn binding(self, binding: Binding) -> Result<(), Failed> {
        // The default exchange has the bindings that it has.
        if binding.source.is_empty() {
            return Ok(());
        }
        let binding = to_bind(binding)?;
        write(&self.node, &self.caller, Command::Bind(binding, NOBODY)).await.map(drop)
    }
}
