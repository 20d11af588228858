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
    let name = Name::new(name);
    let users: Vec<_> = directory.routes().access().users().cloned().collect();
    match &users[..] {
        [] => set_user(directory, &name, secret),
        // A crash may have come between the two.
        [only] if only.name == name && only.permissions().next().is_none() => {}
        _ => return,
    }
    let vhosts: Vec<Name> = directory.routes().vhosts().map(|vhost| vhost.name().clone()).collect();
    for vhost in vhosts {
        let permit = Command::Permit { user: name.clone(), vhost, permission: Permission::full() };
        change(directory, topology::Command::Access(permit));
    }
    tracing::info!(user = %name, "default user made");
}

fn set_user(directory: &Directory, name: &Name, secret: &str) {
    let hash = if secret == PUBLIC { password::hash_of_public } else { password::hash };
    let password = hash(secret.as_bytes());
    let tags = vec![Tag::Administrator.name().into()];
    let set = Command::SetUser { name: name.clone(), password, tags };
    change(directory, topology::Command::Access(set));
}

fn change(directory: &Directory, command: topology::Command) {
    // Neither is ever refused.
    let _ = directory.change(command, |_| {});
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::durable::Store;

    fn open(dir: &std::path::Path) -> Directory {
        let (store, recovered) = Store::open(dir, 1 << 20).unwrap();
        Directory::new(Arc::new(store), recovered.topology, recovered.next_queue, &[])
    }

    fn set_up(directory: &Directory, user: &str) {
        let (name, tags) = (user.into(), Vec::new());
        let set = Command::SetUser { name, password: None, tags };
        change(directory, topology::Command::Access(set));
    }

    fn may_enter(directory: &Directory, user: &str) -> bool {
        directory.routes().access().permission(VHOST, user).is_some()
    }

    #[test]
    fn a_new_node_has_a_vhost_and_a_user() {
        let dir = tempfile::tempdir().unwrap();
        let directory = open(dir.path());
        make(&directory, Some(("guest", "guest")));
        assert!(may_enter(&directory, "guest"));
        make(&directory, Some(("other", "secret")));
        assert!(!may_enter(&directory, "other"), "there is a user");
    }

    #[test]
    fn what_a_crash_left_half_done_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        let directory = open(dir.path());
        set_up(&directory, "guest");
        make(&directory, Some(("guest", "guest")));
        assert!(may_enter(&directory, "guest"));
    }

    #[test]
    fn users_that_somebody_made_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let directory = open(dir.path());
        set_up(&directory, "guest");
        set_up(&directory, "other");
        make(&directory, Some(("guest", "guest")));
        assert!(!may_enter(&directory, "guest"));
        let dir = tempfile::tempdir().unwrap();
        let directory = open(dir.path());
        make(&directory, None);
        assert!(directory.routes().vhost(VHOST).is_some());
        assert!(directory.routes().access().users().next().is_none());
    }
}
