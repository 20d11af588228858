//! The state directory and the front door.

use kube::{
    Api,
    api::{DynamicObject, PostParams},
};
use operator_local::apiserver::{ApiServer, Options};
use serde_json::json;

use crate::{server, widget, widget_kind, widgets};

#[tokio::test]
async fn state_outlives_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { state_dir: Some(dir.path().to_owned()), ..Options::default() };
    let server = ApiServer::start(options.clone()).await.unwrap();
    let widgets = widgets(&server.client().unwrap()).await;
    let made = widget("w", json!({"type": "small"}));
    let made = widgets.create(&PostParams::default(), &made).await.unwrap();
    server.shutdown().await;
    let server = ApiServer::start(options).await.unwrap();
    let client = server.client().unwrap();
    let widgets: Api<DynamicObject> = Api::namespaced_with(client, "default", &widget_kind());
    assert_eq!(widgets.get("w").await.unwrap(), made);
}

#[tokio::test]
async fn nobody_comes_in_without_the_token() {
    let (server, _client) = server().await;
    let mut config = server.config();
    config.auth_info.token = Some("wrong".to_owned().into());
    let client = kube::Client::try_from(config).unwrap();
    let error = client.list_core_api_versions().await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 401));
}
