# Where things are, for every script here. Sourced, never run.
#
# Everything that is fetched lands under .cache/ and nowhere else: removing that folder undoes it all.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="$root/.cache"
target="${CARGO_TARGET_DIR:-$root/target}"
pins="$root/scripts/pins"

say() { printf '==> %s\n' "$*"; }
cannot() { printf '==> not done: %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# `fresh STAMP FILE…`: true when STAMP was written for exactly these files.
fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$(cat "${@:2}" | cksum)" ]; }
stamp() { cat "${@:2}" | cksum >"$1"; }
