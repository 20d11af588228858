//! Declaring: what one attempt asks of the broker, and what it tells the others.

use std::time::Duration;

use kube::runtime::controller::Action;
use operator_api::policy::Adoption;
use operator_topology::{Ensured, Error, Object, Presence};

use crate::named::Named;
use crate::registry::{Broker, Notice};
use crate::topology::history;
use crate::topology::kind::Kind;
use crate::topology::outcome::{feat, refusal, story, taken};
use crate::topology::reconciler::{Outcome, Reconciler};
use crate::verdict::{Reason, Verdict};

/// How long a binding waits for ends that should be declared any moment.
const NO_NEWS: Duration = Duration::from_secs(10);

/// What became of a declaration.
enum Answer {
    Ensured(Ensured),
    /// The object exists and is not to be adopted.
    Taken,
    Refused(Error),
}

// === impl Reconciler ===

impl Reconciler {
    /// Ensures the object, and tells what came of it.
    pub(super) async fn program<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        broker: Broker,
    ) -> Result<Action, kube::Error> {
        let object = match resource.object() {
            Ok(object) => object,
            Err(verdict) => {
                return self.tell(resource, key, Outcome { verdict, confirmed: None }).await;
            }
        };
        if self.is_early(resource, &broker) {
            // What it needs wakes it; the delay is for what should not happen.
            return Ok(Action::requeue(NO_NEWS));
        }
        let before = resource.topology_status();
        let outcome = match self.ensure(resource, key, &broker, &object).await? {
            Answer::Ensured(ensured) => {
                let feat = feat(ensured, &before, resource.meta().generation, &broker);
                let story = feat.map(|feat| (feat, story(feat, &object, &broker)));
                let verdict = Verdict::new(Reason::Programmed, format!("{object} is ready"));
                Outcome { verdict, confirmed: Some((broker, story)) }
            }
            Answer::Taken => Outcome { verdict: taken(&object), confirmed: None },
            Answer::Refused(error) => {
                Outcome { verdict: refusal(&error, &object, &broker), confirmed: None }
            }
        };
        self.tell(resource, key, outcome).await
    }

    /// Has the broker declare the object. Our finalizer comes first, and so is the durable mark that the object may be there
    /// and is this resource's: nothing is in a broker that would be forgotten.
    ///
    /// Where nothing may be adopted, the mark is set only once the broker was seen to have nothing of that name, and is taken
    /// back when the broker refuses. An attempt that ended between declaration and status, or whose answer was lost, is
    /// thereby not taken for somebody else's.
    async fn ensure<K: Kind>(
        &self,
        resource: &K,
        key: &Named,
        broker: &Broker,
        object: &Object,
    ) -> Result<Answer, kube::Error> {
        let (pool, endpoint, vhost) = (&self.context.pool, &broker.endpoint, resource.vhost());
        let before = resource.topology_status();
        if history::is_programmed(&before) {
            self.hold(resource, key).await?;
            let ensured = pool.ensure(endpoint, vhost, object, Presence::Expected).await;
            return Ok(Answer::from(ensured));
        }
        let adopts = resource.adoption() == Adoption::IfIdentical;
        let ours = resource.is_held() && !history::is_foreign(&before);
        if !adopts && !ours {
            match pool.exists(endpoint, vhost, object).await {
                Ok(false) => {}
                Ok(true) => return Ok(Answer::Taken),
                Err(error) => return Ok(Answer::Refused(error)),
            }
        }
        let held = self.hold(resource, key).await?;
        let ensured = pool.ensure(endpoint, vhost, object, Presence::Unknown).await;
        if !adopts && ensured.as_ref().is_err_and(|error| !error.is_silence()) {
            self.let_go(held.as_ref().unwrap_or(resource), key).await?;
        }
        Ok(Answer::from(ensured))
    }

    /// Whether something the object needs is about to be declared.
    fn is_early<K: Kind>(&self, resource: &K, broker: &Broker) -> bool {
        let mut needs = resource.needs().into_iter().map(|what| resource.key_of(what));
        needs.any(|need| self.context.standings.is_coming(&need, &broker.epoch))
    }

    /// Wakes the bindings that may have waited for a queue or exchange, or that went with the old one.
    pub(super) fn announce<K: Kind>(&self, resource: &K, outcome: &Outcome) {
        let object = resource.object_key();
        let standings = &self.context.standings;
        let news = match &outcome.confirmed {
            Some((broker, feat)) => standings.confirmed(&object, &broker.epoch) || feat.is_some(),
            // The older resource speaks for the object.
            None if outcome.verdict.reason == Reason::Conflict => false,
            None if outcome.verdict.reason.is_wait_for_broker() => {
                standings.suspended(&object);
                false
            }
            None => standings.failed(&object),
        };
        if news {
            self.context.registry.tell(Notice::Created(object));
        }
    }
}

// === impl Answer ===

impl From<Result<Ensured, Error>> for Answer {
    fn from(ensured: Result<Ensured, Error>) -> Self {
        ensured.map_or_else(Self::Refused, Self::Ensured)
    }
}
