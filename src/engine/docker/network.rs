//! The bridge network on which containers cannot reach one another.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

use super::{
    Inner,
    api::{LONG, Query, SHORT, call, call_on, failed, found, status},
};
use crate::engine::{EngineError, LABEL_ROLE, ROLE_NETWORK};

const NETWORK: &str = "network";
const BETWEEN_CONTAINERS: &str = "com.docker.network.bridge.enable_icc";

/// A network, as observed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    id: String,
    name: String,
    #[serde(default)]
    created: String,
    #[serde(default)]
    driver: String,
    options: Option<HashMap<String, String>>,
    labels: Option<HashMap<String, String>>,
}

impl Network {
    fn is_ours(&self) -> bool {
        self.labels.as_ref().and_then(|it| it.get(LABEL_ROLE)).is_some_and(|it| it == ROLE_NETWORK)
    }

    /// Returns what keeps it from being used.
    fn fault(&self) -> Option<&'static str> {
        let isolates = self.options.as_ref().and_then(|it| it.get(BETWEEN_CONTAINERS)).is_some_and(|it| it == "false");
        if self.driver != "bridge" {
            Some("is not a bridge network")
        } else if !isolates {
            Some("lets containers reach one another (its option com.docker.network.bridge.enable_icc is not false)")
        } else if !self.is_ours() {
            Some("was not made by previewd")
        } else {
            None
        }
    }
}

impl Inner {
    /// Makes the network if it is not there, and checks one that is. Instances may share it. Reports whether it was
    /// made.
    pub(super) async fn ensure_network(&self) -> Result<bool, EngineError> {
        if let Some(found) = self.network().await? {
            return self.check(&found).map(|()| false);
        }
        let mut labels = self.labels(&[(LABEL_ROLE.to_owned(), ROLE_NETWORK.to_owned())].into());
        labels.retain(|_, value| !value.is_empty());
        let wanted = json!({
            "Name": self.network,
            "Driver": "bridge",
            // Daemons before 25 otherwise make a second one of the same name.
            "CheckDuplicate": true,
            "EnableIPv6": false,
            "Options": { BETWEEN_CONTAINERS: "false" },
            "Labels": labels,
        });
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            #[allow(dead_code, reason = "read to see that there is one")]
            id: String,
        }
        let create = self.api.post::<Created>("/networks/create", &wanted);
        match tokio::time::timeout(LONG, create).await {
            Err(_) => return Err(EngineError::Timeout("create the network")),
            // Another instance was faster.
            Ok(Err(err)) if status(&err) == Some(409) => {}
            Ok(Err(err)) => return Err(failed("create the network", err)),
            Ok(Ok(_)) => tracing::info!(network = self.network, "network created"),
        }
        self.settle().await.map(|()| true)
    }

    /// Leaves one of several networks of our name: the daemon's check for duplicates is not atomic. All who look choose
    /// the same.
    async fn settle(&self) -> Result<(), EngineError> {
        let query = Query::default().filters(&[("name", &[&self.network])]);
        let mut all: Vec<Network> = call("list the networks", SHORT, self.api.get("/networks", &query)).await?;
        all.retain(|it| it.name == self.network);
        all.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        let mut all = all.into_iter();
        let first = all.next().ok_or(EngineError::NotFound { what: NETWORK, name: self.network.clone() })?;
        for other in all.filter(Network::is_ours) {
            let removal = self.api.docker.remove_network(&other.id);
            found(call_on("remove a second network", (NETWORK, &other.id), LONG, removal).await)?;
        }
        self.check(&first)
    }

    fn check(&self, network: &Network) -> Result<(), EngineError> {
        let Some(fault) = network.fault() else { return Ok(()) };
        let name = &self.network;
        Err(EngineError::Refused {
            action: "use the network",
            message: format!("network {name} exists and {fault}: set PREVIEW_NETWORK to another name, or remove it"),
        })
    }

    async fn network(&self) -> Result<Option<Network>, EngineError> {
        let query = Query::default();
        let path = format!("/networks/{}", self.network);
        let answer = call_on("look at the network", (NETWORK, &self.network), SHORT, self.api.get(&path, &query)).await;
        // The daemon also takes a name for the beginning of an id.
        Ok(found(answer)?.filter(|it: &Network| it.name == self.network))
    }

    /// Removes the network if it is ours and nothing is on it.
    pub(super) async fn remove_network(&self) -> Result<(), EngineError> {
        let Some(found) = self.network().await?.filter(Network::is_ours) else { return Ok(()) };
        let answer = tokio::time::timeout(LONG, self.api.docker.remove_network(&found.id)).await;
        match answer {
            Err(_) => Err(EngineError::Timeout("remove the network")),
            Ok(Ok(())) => Ok(()),
            Ok(Err(err)) if status(&err) == Some(404) => Ok(()),
            // Another instance's containers are on it; or the daemon believes so.
            Ok(Err(err)) if matches!(status(&err), Some(403 | 409)) => {
                tracing::info!(network = self.network, error = %err, "the network stays, since it is in use");
                Ok(())
            }
            Ok(Err(err)) => Err(failed("remove the network", err)),
        }
    }
}
