//! Addresses of pods and Services: a block of 127.0.0.0/8 that belongs to one control plane.
//!
//! All of 127.0.0.0/8 is the loopback interface on Linux, so an address needs no setting up. A
//! control plane takes a block of 4096 addresses, `127.a.b.0/20`, by listening on its second
//! address at the kubelet's well-known port. The kernel lets only one process do that and frees
//! it when the process ends, however it ends: two control planes on a machine never share an
//! address, and none leaks.
//!
//! ```text
//!  127.a.b.0       127.a.b.1        +2 … +2047     +2048 … +4094
//!  not used        reservation      pods           Services
//! ```

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a real kubelet listens; here it only marks the block as taken.
const KUBELET_PORT: u16 = 10250;
/// 127.0.0.0/20 and its neighbours up to 127.1.0.0 hold addresses that others use (127.0.0.53).
const FIRST_BLOCK: u32 = 16;
const BLOCKS: u32 = 4096;
const BLOCK_SIZE: u32 = 4096;
const PODS: std::ops::Range<u32> = 2..2048;
const SERVICES: std::ops::Range<u32> = 2048..4095;

/// The block of one control plane. Clones share it; the last one to go frees it.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    base: u32,
    pods: Arc<Mutex<Pool>>,
    services: Arc<Mutex<Pool>>,
    _reservation: Arc<TcpListener>,
}

/// Hands out numbers of a range, the longest unused first, so that an address that was just
/// given up is not mistaken for its former owner.
#[derive(Debug)]
struct Pool {
    range: std::ops::Range<u32>,
    next: u32,
    taken: BTreeSet<u32>,
}

/// An address that is free again once this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    address: Ipv4Addr,
    number: u32,
    pool: Arc<Mutex<Pool>>,
}

// === impl Addresses ===

impl Addresses {
    /// Takes a free block, beginning the search at `seed` so that two control planes rarely try
    /// the same one.
    ///
    /// # Errors
    ///
    /// The last refusal, when no block could be had at all.
    pub(crate) fn reserve(seed: u32) -> io::Result<Self> {
        let blocks = BLOCKS - FIRST_BLOCK;
        let mut refusal = io::Error::from(io::ErrorKind::AddrInUse);
        for attempt in 0..blocks {
            let block = FIRST_BLOCK + seed.wrapping_add(attempt) % blocks;
            let base = u32::from(Ipv4Addr::new(127, 0, 0, 0)) + block * BLOCK_SIZE;
            match TcpListener::bind((Ipv4Addr::from(base + 1), KUBELET_PORT)) {
                Ok(reservation) => return Ok(Self::new(base, reservation)),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn new(base: u32, reservation: TcpListener) -> Self {
        Self {
            base,
            pods: Arc::new(Mutex::new(Pool::new(PODS))),
            services: Arc::new(Mutex::new(Pool::new(SERVICES))),
            _reservation: Arc::new(reservation),
        }
    }

    /// The address of the node itself.
    pub(crate) fn node(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1)
    }

    /// An address for a pod; none when two thousand pods have one.
    pub(crate) fn pod(&self) -> Option<Lease> {
        self.lease(&self.pods)
    }

    /// An address for a Service; none when two thousand Services have one.
    pub(crate) fn service(&self) -> Option<Lease> {
        self.lease(&self.services)
    }

    /// This very address for a Service, if it is of this block and free.
    pub(crate) fn service_at(&self, address: Ipv4Addr) -> Option<Lease> {
        let number = u32::from(address).checked_sub(self.base)?;
        let free = self.services.lock().unwrap_or_else(PoisonError::into_inner).claim(number);
        free.then(|| Lease { address, number, pool: Arc::clone(&self.services) })
    }

    fn lease(&self, pool: &Arc<Mutex<Pool>>) -> Option<Lease> {
        let number = pool.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Lease { address: Ipv4Addr::from(self.base + number), number, pool: Arc::clone(pool) })
    }
}

// === impl Pool ===

impl Pool {
    fn new(range: std::ops::Range<u32>) -> Self {
        Self { next: range.start, taken: BTreeSet::new(), range }
    }

    fn claim(&mut self, number: u32) -> bool {
        self.range.contains(&number) && self.taken.insert(number)
    }

    fn take(&mut self) -> Option<u32> {
        let number = (self.next..self.range.end)
            .chain(self.range.start..self.next)
            .find(|number| !self.taken.contains(number))?;
        self.taken.insert(number);
        self.next = if number + 1 == self.range.end { self.range.start } else { number + 1 };
        Some(number)
    }
}

// === impl Lease ===

impl Lease {
    /// The address that is held.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_control_planes_get_different_blocks_from_the_same_seed() {
        let first = Addresses::reserve(77).unwrap();
        let second = Addresses::reserve(77).unwrap();
        assert_ne!(first.node(), second.node());
        assert!(first.node().is_loopback() && second.node().is_loopback());
    }

    #[test]
    fn pods_and_services_never_share_an_address() {
        let addresses = Addresses::reserve(1234).unwrap();
        let pods: Vec<_> = std::iter::from_fn(|| addresses.pod()).collect();
        let services: Vec<_> = std::iter::from_fn(|| addresses.service()).collect();
        assert_eq!((pods.len(), services.len()), (2046, 2047));
        let all: BTreeSet<_> = pods.iter().chain(&services).map(Lease::address).collect();
        assert_eq!(all.len(), pods.len() + services.len());
        assert!(!all.contains(&addresses.node()));
    }

    #[test]
    fn a_known_address_can_be_had_again() {
        let addresses = Addresses::reserve(4321).unwrap();
        let first = addresses.service().unwrap();
        assert!(addresses.service_at(first.address()).is_none(), "it is taken");
        let address = first.address();
        drop(first);
        assert_eq!(addresses.service_at(address).unwrap().address(), address);
        assert!(addresses.service_at(addresses.node()).is_none(), "not a Service's");
        assert!(addresses.service_at(Ipv4Addr::new(10, 0, 0, 1)).is_none(), "not of the block");
    }

    #[test]
    fn an_address_that_was_given_up_is_the_last_to_be_used_again() {
        let mut pool = Pool::new(0..3);
        assert_eq!((pool.take(), pool.take()), (Some(0), Some(1)));
        pool.taken.remove(&0);
        assert_eq!((pool.take(), pool.take(), pool.take()), (Some(2), Some(0), None));
    }
}
