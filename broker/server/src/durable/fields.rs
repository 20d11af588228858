//! Fields that several kinds of topology records have.

use broker_core::name::Name;
use broker_protocol::wire::{Field, Reader, Writer};

/// A record's tag and the names that follow it.
pub(super) fn names(w: &mut Writer<'_>, tag: u8, names: &[&Name]) {
    tag.write(w);
    for name in names {
        w.long_str(name.as_str().as_bytes());
    }
}

/// A name; none where there is no text.
pub(super) fn name(r: &mut Reader<'_>) -> Option<Name> {
    str::from_utf8(r.long_str().ok()?).ok().map(Name::new)
}

/// A byte that is 0 or not.
pub(super) fn flag(r: &mut Reader<'_>) -> Option<bool> {
    r.u8().ok().map(|byte| byte != 0)
}
