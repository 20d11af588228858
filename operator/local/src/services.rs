//! Services: an address of their own, the list of their pods, and a proxy that really listens.
//!
//! A Service with a selector gets a cluster IP from this control plane's block of loopback
//! addresses, and a TCP proxy listens there on each of its ports. The first Service with an AMQP
//! port is reached at the port given on the command line too.
//!
//! # What is missing of Kubernetes
//!
//! DNS names of Services and pods, UDP, node ports, `externalName`, session affinity, traffic
//! policies. A `LoadBalancer` gets its cluster IP as its ingress address.

mod endpoints;
mod proxy;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};

use crate::addresses::{Addresses, Lease};
use crate::services::endpoints::{Endpoint, is_headless, objects, ports, ready_at, select};
use crate::watches::{Watches, on_each_change, unless_overtaken};

pub(crate) use proxy::{Proxy, Targets};

/// Field manager of what this controller writes.
const MANAGER: &str = "endpoint-controller";
const AMQP: u16 = 5672;

/// Namespace and name of a Service.
pub(crate) type ServiceKey = (String, String);

/// The Service that clients outside reach, and how it is fed.
#[derive(Debug)]
pub(crate) struct Front {
    /// Where connections from outside go.
    pub(crate) targets: Arc<Targets>,
    /// Tells which Service it is.
    pub(crate) chosen: watch::Sender<Option<ServiceKey>>,
}

struct Controller {
    client: Client,
    addresses: Addresses,
    front: Front,
    served: HashMap<ServiceKey, Served>,
}

/// What one Service holds on this machine.
struct Served {
    uid: Option<String>,
    lease: Option<Lease>,
    proxies: BTreeMap<u16, Proxy>,
    /// What the endpoint objects were last told.
    told: Option<Vec<Endpoint>>,
}

/// Serves every Service, for ever. Dropping the future closes every port.
pub(crate) async fn run(client: Client, addresses: Addresses, front: Front) {
    let mut watches = Watches::new(client.clone());
    let services = watches.follow::<Service>();
    let pods = watches.follow::<Pod>();
    if services.wait_until_ready().await.is_err() || pods.wait_until_ready().await.is_err() {
        return;
    }
    let controller = Mutex::new(Controller { client, addresses, front, served: HashMap::new() });
    on_each_change("Service", watches.changes(), || async {
        controller.lock().await.pass(&services.state(), &pods.state()).await
    })
    .await;
}

// === impl Controller ===

impl Controller {
    async fn pass(
        &mut self,
        services: &[Arc<Service>],
        pods: &[Arc<Pod>],
    ) -> Result<(), kube::Error> {
        // Addresses that are known keep their owners, whoever is served first.
        let mut services: Vec<&Arc<Service>> = services.iter().collect();
        services.sort_by_key(|service| address(service).is_none());
        self.served.retain(|key, served| {
            services.iter().any(|service| self::key(service) == *key && service.uid() == served.uid)
        });
        let mut outcome = Ok(());
        let mut front: Option<(&Service, Vec<SocketAddrV4>)> = None;
        for service in services {
            if service.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let endpoints = select(service, pods.iter().map(AsRef::as_ref));
            let amqp = !is_headless(service) && ports(service).any(|(port, _)| port == AMQP);
            if amqp && front.as_ref().is_none_or(|(first, _)| rank(service) < rank(first)) {
                front = Some((service, ready_at(&endpoints, AMQP)));
            }
            outcome = outcome.and(self.serve(service, endpoints).await);
        }
        let (chosen, targets) = front.map(|(service, targets)| (key(service), targets)).unzip();
        self.front.targets.set(targets.unwrap_or_default());
        self.front.chosen.send_if_modified(|now| std::mem::replace(now, chosen.clone()) != chosen);
        outcome
    }

    async fn serve(
        &mut self,
        service: &Service,
        endpoints: Vec<Endpoint>,
    ) -> Result<(), kube::Error> {
        let key = key(service);
        let mut served = self.served.remove(&key).unwrap_or_else(|| Served {
            uid: service.uid(),
            lease: None,
            proxies: BTreeMap::new(),
            told: None,
        });
        let outcome = self.serve_in(&mut served, service, endpoints).await;
        self.served.insert(key, served);
        outcome
    }

    async fn serve_in(
        &self,
        served: &mut Served,
        service: &Service,
        endpoints: Vec<Endpoint>,
    ) -> Result<(), kube::Error> {
        if !is_headless(service) {
            // An address that was published may never change, not even by the next `dev`.
            let known = address(service);
            if served.lease.is_none() {
                served.lease = match known {
                    Some(address) => self.addresses.service_at(address),
                    None => self.addresses.service(),
                };
            }
            if let Some(address) = known.or(served.lease.as_ref().map(Lease::address)) {
                // The port is open before the address is published.
                served.listen(service, address, &endpoints).await;
                self.publish_address(service, address).await?;
            }
        }
        let has_selector = service
            .spec
            .iter()
            .any(|spec| spec.selector.iter().any(|selector| !selector.is_empty()));
        if has_selector && served.told.as_ref() != Some(&endpoints) {
            let (slice, list) = objects(service, &endpoints);
            self.apply(service, ("discovery.k8s.io", "EndpointSlice"), slice).await?;
            self.apply(service, ("", "Endpoints"), list).await?;
            served.told = Some(endpoints);
        }
        Ok(())
    }

    async fn publish_address(
        &self,
        service: &Service,
        address: Ipv4Addr,
    ) -> Result<(), kube::Error> {
        let address = address.to_string();
        let api: Api<Service> =
            Api::namespaced(self.client.clone(), &service.namespace().unwrap_or_default());
        let params = PatchParams::default();
        let spec = service.spec.as_ref();
        if spec.and_then(|spec| spec.cluster_ip.as_ref()) != Some(&address) {
            let patch = json!({
                "metadata": {"uid": service.uid()},
                "spec": {"clusterIP": address, "clusterIPs": [address]},
            });
            unless_overtaken(api.patch(&service.name_any(), &params, &Patch::Merge(patch)).await)?;
        }
        let balanced = spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
        let ingress = service
            .status
            .as_ref()
            .and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
        let told = ingress
            .is_some_and(|ingress| ingress.iter().any(|at| at.ip.as_ref() == Some(&address)));
        if balanced && !told {
            let patch = json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}});
            unless_overtaken(
                api.patch_status(&service.name_any(), &params, &Patch::Merge(patch)).await,
            )?;
        }
        Ok(())
    }

    async fn apply(
        &self,
        service: &Service,
        (group, kind): (&str, &str),
        object: Value,
    ) -> Result<(), kube::Error> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let resource = if kind == "Endpoints" {
            ApiResource { plural: "endpoints".to_owned(), ..resource }
        } else {
            resource
        };
        let namespace = service.namespace().unwrap_or_default();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &namespace, &resource);
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let params = PatchParams::apply(MANAGER).force();
        unless_overtaken(api.patch(&name, &params, &Patch::Apply(object)).await)
    }
}

// === impl Served ===

impl Served {
    /// Opens a port for each of the Service's, closes those it no longer has, feeds all of them.
    async fn listen(&mut self, service: &Service, address: Ipv4Addr, endpoints: &[Endpoint]) {
        self.proxies.retain(|open, _| ports(service).any(|(port, _)| port == *open));
        for (port, _) in ports(service) {
            match self.open(port, address).await {
                Ok(proxy) => proxy.targets().set(ready_at(endpoints, port)),
                Err(error) => {
                    let name = service.name_any();
                    tracing::warn!(service = name, port, %error, "a Service's port cannot be opened");
                }
            }
        }
    }

    async fn open(&mut self, port: u16, address: Ipv4Addr) -> io::Result<&Proxy> {
        Ok(match self.proxies.entry(port) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(free) => {
                free.insert(Proxy::listen(SocketAddrV4::new(address, port)).await?)
            }
        })
    }
}

/// The address that a Service has been given.
fn address(service: &Service) -> Option<Ipv4Addr> {
    service.spec.as_ref()?.cluster_ip.as_deref()?.parse().ok()
}

fn key(service: &Service) -> ServiceKey {
    (service.namespace().unwrap_or_default(), service.name_any())
}

/// The oldest comes first; a name decides between two of the same second.
fn rank(service: &Service) -> impl Ord + use<> {
    (service.metadata.creation_timestamp.as_ref().map(|time| time.0), key(service))
}
