//! The cluster's user: generated once, then whatever the Secret says.

use k8s_openapi::api::core::v1::Secret;
use kube::runtime::reflector::Store;
use operator_api::BrokerCluster;
use operator_resources::{Credentials, names};
use rand::distr::{Alphanumeric, SampleString};

use crate::context::Context;
use crate::named::Named;

/// User of a cluster that was not given one.
const USERNAME: &str = "warren";
/// 32 letters and digits hold 190 bits.
const PASSWORD_LENGTH: usize = 32;

impl Context {
    /// The credentials in the cluster's Secret, or new ones for a Secret that does not have them yet.
    ///
    /// The cache may lag, and a new password for a broker that has one would lock everybody out; so the API
    /// itself is asked before one is made.
    ///
    /// # Errors
    ///
    /// When the API cannot be asked.
    pub(crate) async fn credentials(
        &self,
        cluster: &BrokerCluster,
        cache: &Store<Secret>,
    ) -> Result<Credentials, kube::Error> {
        let name = names::secret(cluster);
        let namespace = names::namespace(cluster);
        let cached = cache.get(&Named::new(namespace, name.as_str()).reference());
        if let Some(found) = cached.and_then(|secret| Credentials::from_secret(&secret)) {
            return Ok(found);
        }
        let stored = self.api_in::<Secret>(namespace).get_opt(&name).await?;
        Ok(stored.and_then(|secret| Credentials::from_secret(&secret)).unwrap_or_else(generate))
    }
}

fn generate() -> Credentials {
    Credentials {
        username: USERNAME.to_owned(),
        password: Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_passwords_are_the_same() {
        let (one, two) = (generate(), generate());
        assert_ne!(one.password, two.password);
        assert_eq!(one.password.len(), 32);
        assert!(one.password.chars().all(|letter| letter.is_ascii_alphanumeric()));
    }
}
