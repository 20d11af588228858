//! Randomness, from the kernel: names of server-named queues, the node's id, the epoch.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::rand::{GetRandomFlags, getrandom};

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the kernel gives no random bytes: {error}"),
        }
    }
    bytes
}

/// `count` random bytes, at most 32, as lower-case hexadecimal.
pub(crate) fn hex(count: usize) -> String {
    bytes::<32>().iter().take(count).map(|byte| format!("{byte:02x}")).collect()
}

/// 22 characters of URL-safe base 64, as RabbitMQ puts after `amq.gen-`.
pub(crate) fn name() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes::<22>().iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}

/// An address below `prefix` that nobody can guess, in the form of RabbitMQ's: base 64 twice, the
/// second time with its padding.
pub(crate) fn address(prefix: &str) -> String {
    let (place, key) = (bytes::<18>(), bytes::<16>());
    format!("{prefix}.{}.{}", BASE64_STANDARD.encode(place), BASE64_STANDARD.encode(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_have_their_length() {
        assert_ne!(name(), name());
        assert_eq!(name().len(), 22);
        assert_eq!(hex(16).len(), 32);
        let address = address("prefix");
        assert!(address.starts_with("prefix.") && address.ends_with("=="), "{address}");
    }
}
