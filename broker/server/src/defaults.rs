//! What a node begins with: the vhost `/`, and a user to make others with.

use broker_core::access::{Command, Permission, Tag};
use broker_core::name::Name;
use broker_core::topology;

use crate::auth::password;
use crate::directory::Directory;

/// The vhost of clients that do not name one.
const VHOST: &str = "/";

/// A password that everybody knows.
const PUBLIC: &str = "guest";

/// Makes the default vhost if there is none at all, and likewise the default user, by name and
/// password: an administrator who may do everything in the vhosts there are.
///
/// The changes are put in line for the log and not waited for: what is answered later lies behind.
pub(crate) fn make(directory: &Directory, user: Option<(&str, &str)>) {
    if directory.routes().vhosts().next().is_none() {
        change(directory, topology::Command::CreateVhost { vhost: VHOST.into() });
    }
    let Some((name, secret)) = user else { return };
    if directory.routes().access().users().next().is_some() {
        return;
    }
    let secret_bytes = secret.as_bytes();
    let password = if secret == PUBLIC {
        password::hash_of_public(secret_bytes)
    } else {
        password::hash(secret_bytes)
    };
    let tags = vec![Tag::Administrator.name().into()];
    let name = Name::new(name);
    let set = Command::SetUser { name: name.clone(), password, tags };
    change(directory, topology::Command::Access(set));
    let vhosts: Vec<Name> = directory.routes().vhosts().map(|vhost| vhost.name().clone()).collect();
    for vhost in vhosts {
        let permit = Command::Permit { user: name.clone(), vhost, permission: Permission::full() };
        change(directory, topology::Command::Access(permit));
    }
    tracing::info!(user = %name, "default user made");
}

fn change(directory: &Directory, command: topology::Command) {
    // Neither is ever refused.
    let _ = directory.change(command, |_| {});
}
