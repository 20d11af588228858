//! The control plane end to end, with a shell script in the broker's place.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{Api, DeleteParams, LogParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::*;

const NAMESPACE: &str = "default";
const PATIENCE: Duration = Duration::from_secs(30);

/// A plane with nothing on it, whose broker tells its arguments and a mounted file, then waits.
struct Fixture {
    plane: Plane,
    client: Client,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = folder.path().join("broker.sh");
        fs::write(&broker, "#!/bin/sh\necho \"args: $*\"\nexec cat > /dev/null\n").unwrap();
        fs::set_permissions(&broker, fs::Permissions::from_mode(0o755)).unwrap();
        let options = DevOptions {
            directories: Vec::new(),
            until_ready: false,
            timeout: PATIENCE,
            state: None,
            kubeconfig: Some(folder.path().join("kubeconfig")),
            amqp_port: 0,
            broker: Some(broker),
        };
        let mut plane = Plane::reserve(&options).await.unwrap();
        let (client, _) = plane.serve(&options).await.unwrap();
        plane.control(&client, &options);
        Self { plane, client, folder }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    async fn create<K>(&self, object: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + DeserializeOwned
            + k8s_openapi::serde::Serialize
            + Clone
            + std::fmt::Debug,
    {
        let object: K = serde_json::from_value(object).unwrap();
        self.api::<K>().create(&PostParams::default(), &object).await.unwrap()
    }

    /// The pod, once it satisfies `condition`.
    async fn pod(&self, name: &str, condition: impl Fn(&Value) -> bool) -> Pod {
        let api = self.api::<Pod>();
        eventually(name, || async {
            let pod = api.get_opt(name).await.unwrap()?;
            condition(&serde_json::to_value(&pod.status).unwrap()).then_some(pod)
        })
        .await
    }

    async fn gone<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let api = self.api::<K>();
        let absent = || async { api.get_opt(name).await.unwrap().is_none().then_some(()) };
        eventually(name, absent).await;
    }
}

async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what}: did not come about"))
}

fn set(replicas: i32) -> Value {
    json!({
        "metadata": {"name": "orders"},
        "spec": {
            "replicas": replicas,
            "serviceName": "orders",
            "selector": {"matchLabels": {"app": "orders"}},
            "template": {
                "metadata": {"labels": {"app": "orders"}},
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    "containers": [{
                        "name": "broker",
                        "image": "warren",
                        "command": ["/usr/local/bin/warren-broker"],
                        "args": ["--ip=$(POD_IP)", "--data-dir=/data"],
                        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                        "volumeMounts": [
                            {"name": "data", "mountPath": "/data"},
                            {"name": "config", "mountPath": "/etc/config"},
                        ],
                    }],
                    "volumes": [{"name": "config", "configMap": {"name": "config"}}],
                },
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    })
}

fn is_ready(status: &Value) -> bool {
    status["containerStatuses"][0]["ready"] == true
}

fn address(pod: &Pod) -> String {
    pod.status.as_ref().unwrap().pod_ip.clone().unwrap()
}

fn process(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap();
    statuses[0].container_id.as_ref().unwrap().strip_prefix("process://").unwrap().parse().unwrap()
}

fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_set_runs_survives_kills_scales_and_goes() {
    let fixture = Fixture::start().await;
    fixture.create::<StatefulSet>(set(2)).await;
    let stuck = |status: &Value| {
        let message = &status["containerStatuses"][0]["state"]["waiting"]["message"];
        message.as_str().is_some_and(|text| text.contains("configmap \"config\" not found"))
    };
    fixture.pod("orders-0", stuck).await;
    let config = json!({"metadata": {"name": "config"}, "data": {"level": "info"}});
    fixture.create::<ConfigMap>(config).await;
    let first = fixture.pod("orders-0", is_ready).await;
    let second = fixture.pod("orders-1", is_ready).await;
    assert_ne!(address(&first), address(&second));

    let log = fixture.api::<Pod>().logs("orders-0", &LogParams::default()).await.unwrap();
    let data = fixture.plane.state.join("volumes/default/data-orders-0");
    assert_eq!(log, format!("args: --ip={} --data-dir={}\n", address(&first), data.display()));

    kill(process(&first));
    let restarted = fixture
        .pod("orders-0", |status| {
            is_ready(status) && status["containerStatuses"][0]["restartCount"] == 1
        })
        .await;
    let status = serde_json::to_value(&restarted.status).unwrap();
    let last = &status["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!((&last["exitCode"], &last["signal"]), (&json!(137), &json!(9)));

    let patch = Patch::Merge(json!({"data": {"level": "debug"}}));
    fixture.api::<ConfigMap>().patch("config", &PatchParams::default(), &patch).await.unwrap();
    let pods = fixture.plane.state.join("pods");
    let mounted = pods.join(first.uid().unwrap()).join("volumes/config/level");
    eventually("the mounted file", || async {
        (fs::read_to_string(&mounted).unwrap() == "debug").then_some(())
    })
    .await;

    let patch = Patch::Merge(json!({"spec": {"replicas": 1}}));
    fixture.api::<StatefulSet>().patch("orders", &PatchParams::default(), &patch).await.unwrap();
    fixture.gone::<Pod>("orders-1").await;
    assert!(!lives(process(&second)));
    let foreground = DeleteParams::foreground();
    fixture.api::<StatefulSet>().delete("orders", &foreground).await.unwrap();
    fixture.gone::<StatefulSet>("orders").await;
    assert!(fixture.api::<Pod>().get_opt("orders-0").await.unwrap().is_none(), "pods go first");
    assert!(!lives(process(&restarted)));

    let claims = fixture.api::<PersistentVolumeClaim>();
    claims.delete("data-orders-0", &DeleteParams::default()).await.unwrap();
    fixture.gone::<PersistentVolumeClaim>("data-orders-0").await;
    assert!(!data.exists());
    fixture.plane.stop().await;
}

#[tokio::test]
async fn a_stop_in_the_middle_leaves_nothing() {
    let fixture = Fixture::start().await;
    fixture.create::<ConfigMap>(json!({"metadata": {"name": "config"}})).await;
    fixture.create::<StatefulSet>(set(3)).await;
    let pod = fixture.pod("orders-0", is_ready).await;
    let state = fixture.plane.state.join("");
    let front = fixture.plane.amqp();
    let server: SocketAddr = {
        let url = fixture.plane.server.as_ref().unwrap().url();
        url.strip_prefix("https://").unwrap().parse().unwrap()
    };
    assert!(state.exists() && TcpStream::connect(front).is_ok());
    fixture.plane.stop().await;
    assert!(!lives(process(&pod)));
    assert!(!state.exists());
    assert!(!fixture.folder.path().join("kubeconfig").exists());
    for address in [front, server] {
        eventually("a closed port", || async {
            TcpStream::connect(address).is_err().then_some(())
        })
        .await;
    }
    assert_eq!(leftovers(fixture.folder.path()), Vec::<String>::new());
}

/// Processes whose command line names `folder`.
fn leftovers(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&*folder.to_string_lossy())).collect()
}

#[tokio::test]
async fn a_service_reaches_its_ready_pods() {
    let fixture = Fixture::start().await;
    let pod = json!({
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "x", "command": ["warren-broker"]}]},
    });
    fixture.create::<Pod>(pod).await;
    let pod = fixture.pod("web", is_ready).await;
    // Loopback addresses belong to the machine, so the test can listen in the pod's place.
    let listener = TcpListener::bind((address(&pod).as_str(), 7000)).unwrap();
    fixture
        .create::<Service>(json!({
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 5672, "targetPort": 7000}]},
        }))
        .await;
    let services = fixture.api::<Service>();
    let own = eventually("an address", || async {
        services.get("web").await.unwrap().spec.unwrap().cluster_ip.filter(|ip| !ip.is_empty())
    })
    .await;
    let front = fixture.plane.amqp();
    for address in [format!("{own}:5672").parse().unwrap(), front] {
        let reach = async || {
            let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
            let mut byte = [0];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte).await.ok()
        };
        let listener = listener.try_clone().unwrap();
        let answering = tokio::task::spawn_blocking(move || {
            std::io::Write::write_all(&mut listener.accept().unwrap().0, b"x").unwrap();
        });
        eventually("a connection", reach).await;
        answering.await.unwrap();
    }
    fixture.plane.stop().await;
}

#[tokio::test]
async fn what_cannot_run_says_why_and_what_is_owned_goes_with_its_owner() {
    let fixture = Fixture::start().await;
    let pod = json!({
        "metadata": {"name": "shell"},
        "spec": {"containers": [{"name": "c", "image": "x", "command": ["/bin/sh"]}]},
    });
    fixture.create::<Pod>(pod).await;
    let waiting = |status: &Value| {
        status["containerStatuses"][0]["state"]["waiting"]["reason"] == "ProgramNotFound"
    };
    fixture.pod("shell", waiting).await;
    fixture.api::<Pod>().delete("shell", &DeleteParams::default()).await.unwrap();
    fixture.gone::<Pod>("shell").await;

    let owner = fixture.create::<ConfigMap>(json!({"metadata": {"name": "owner"}})).await;
    let reference =
        |uid: &str| json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]);
    let owned = |name: &str, uid: &str| json!({"metadata": {"name": name, "ownerReferences": reference(uid)}});
    fixture.create::<ConfigMap>(owned("owned", &owner.uid().unwrap())).await;
    fixture.create::<ConfigMap>(owned("stale", "00000000-0000-0000-0000-000000000000")).await;
    fixture.gone::<ConfigMap>("stale").await;
    assert!(fixture.api::<ConfigMap>().get_opt("owned").await.unwrap().is_some());
    fixture.api::<ConfigMap>().delete("owner", &DeleteParams::default()).await.unwrap();
    fixture.gone::<ConfigMap>("owned").await;
    fixture.plane.stop().await;
}
