//! Class 90, `tx`: transactions over publishes and acknowledgements.

use crate::method::arguments;

arguments! {
    /// Makes the channel transactional.
    Select [] {} []

    /// The channel is transactional.
    SelectOk [] {} []

    /// Carries out what was gathered.
    Commit [] {} []

    /// It was carried out.
    CommitOk [] {} []

    /// Forgets what was gathered.
    Rollback [] {} []

    /// It was forgotten.
    RollbackOk [] {} []
}
