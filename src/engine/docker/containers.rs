//! Containers that are there.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use bollard::{
    models::ContainerUpdateBody,
    query_parameters::{RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder, StartContainerOptions},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    Inner,
    api::{LONG, Query, SHORT, call, call_on, claim, failed, found, status},
    convert::{InspectedContainer, ListedContainer, resources},
};
use crate::{
    domain::limits::Limits,
    engine::{Container, ContainerState, EngineError, LABEL_ROLE},
};

const CONTAINER: &str = "container";
/// How long a container may take to take a connection, or to refuse it. The kernel gives up a neighbour after 3 s.
const REACH: Duration = Duration::from_secs(5);

impl Inner {
    pub(super) async fn inspect(&self, id: &str) -> Result<InspectedContainer, EngineError> {
        let query = Query::default();
        let path = format!("/containers/{id}/json");
        call_on("look at the container", (CONTAINER, id), SHORT, self.api.get(&path, &query)).await
    }

    pub(super) async fn container(&self, id: &str) -> Result<Option<Container>, EngineError> {
        Ok(found(self.inspect(id).await)?.map(InspectedContainer::container))
    }

    /// Lists the containers of this instance, without those of one role.
    pub(super) async fn list(&self, without_role: Option<&str>) -> Result<Vec<Container>, EngineError> {
        let own = self.own();
        let query = Query::default().with("all", "1").filters(&[("label", &[&own])]);
        let listed: Vec<ListedContainer> =
            call_on("list the containers", (CONTAINER, "list"), SHORT, self.api.get("/containers/json", &query))
                .await?;
        // How a container ended is not in the list.
        let asked = stream::iter(listed).map(|it| async move {
            match it.container() {
                Some(container) => Ok(Some(container)),
                None => self.container(&it.id).await,
            }
        });
        let known: Vec<Option<Container>> = asked.buffered(8).try_collect().await?;
        let role = |it: &Container| it.labels.get(LABEL_ROLE).cloned();
        Ok(known
            .into_iter()
            .flatten()
            .filter(|it| without_role.is_none() || role(it).as_deref() != without_role)
            .collect())
    }

    /// Starts a container; one that runs is fine.
    pub(super) async fn restart(&self, id: &str) -> Result<(), EngineError> {
        self.seen.doubt_address(id);
        let start = self.api.docker.start_container(id, None::<StartContainerOptions>);
        call_on("start the container", (CONTAINER, id), LONG, start).await
    }

    pub(super) async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        match claim("rename the container", (CONTAINER, id), SHORT, self.api.docker.rename_container(id, options)).await
        {
            // What is taken is the new name.
            Err(EngineError::Conflict { what, .. }) => Err(EngineError::Conflict { what, name: name.to_owned() }),
            answer => answer,
        }
    }

    pub(super) async fn limits(&self, id: &str) -> Result<Option<Limits>, EngineError> {
        Ok(found(self.inspect(id).await)?.map(|it| it.limits()))
    }

    pub(super) async fn update(&self, id: &str, limits: Limits) -> Result<(), EngineError> {
        let bounds = resources(limits);
        let change = ContainerUpdateBody {
            memory: bounds.memory,
            memory_swap: bounds.memory_swap,
            nano_cpus: bounds.nano_cpus,
            pids_limit: bounds.pids_limit,
            ..Default::default()
        };
        let change = self.api.docker.update_container(id, change);
        call_on("change the container's limits", (CONTAINER, id), SHORT, change).await
    }

    pub(super) async fn set_paused(&self, id: &str, paused: bool) -> Result<(), EngineError> {
        let (action, wanted) = match paused {
            true => ("pause the container", ContainerState::Paused),
            false => ("unpause the container", ContainerState::Running),
        };
        let change = async {
            match paused {
                true => self.api.docker.pause_container(id).await,
                false => self.api.docker.unpause_container(id).await,
            }
        };
        let answer = call(action, LONG, change).await;
        let Err(err) = answer else { return Ok(()) };
        // The daemon refuses a repeat; the state says whether it was one.
        match self.inspect(id).await {
            Ok(found) if found.state() == wanted => Ok(()),
            Err(gone @ EngineError::NotFound { .. }) => Err(gone),
            _ => Err(err),
        }
    }

    /// Kills and removes a container with its volumes, and waits until it is gone.
    pub(super) async fn remove(&self, id: &str) -> Result<(), EngineError> {
        self.seen.doubt_address(id);
        let volumes = found(self.inspect(id).await)?.map(|it| it.volumes()).unwrap_or_default();
        self.remove_container(id).await?;
        self.remove_volumes_of_container(&volumes).await
    }

    async fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        const ACTION: &str = "remove the container";
        const PAUSE: Duration = Duration::from_millis(100);
        let deadline = Instant::now() + LONG;
        let mut failures = 0;
        loop {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            let answer = tokio::time::timeout_at(deadline, self.api.docker.remove_container(id, Some(options))).await;
            let err = match answer {
                Err(_) => return Err(EngineError::Timeout(ACTION)),
                Ok(Ok(())) => return Ok(()),
                Ok(Err(err)) => err,
            };
            match status(&err) {
                Some(404) => return Ok(()),
                // Somebody else is removing it, or it was changed under the daemon's hands: see that it goes.
                Some(409) => {}
                // A file system that is still busy for a moment.
                Some(500) if failures < 3 => failures += 1,
                _ => return Err(failed(ACTION, err)),
            }
            if Instant::now() + PAUSE > deadline {
                return Err(EngineError::Timeout(ACTION));
            }
            sleep(PAUSE).await;
        }
    }

    pub(super) async fn upstream(&self, id: &str, port: u16) -> Result<SocketAddr, EngineError> {
        if let Some(address) = self.seen.take_address(id) {
            return Ok(SocketAddr::new(address, port));
        }
        let found = self.inspect(id).await?;
        let networks = found.network_settings.networks.unwrap_or_default();
        let address = networks.get(&self.network).and_then(|it| it.address.parse().ok());
        let address = address.ok_or_else(|| EngineError::Refused {
            action: "find the container's address",
            message: format!("the container is {}, with no address on network {}", found.state.status, self.network),
        })?;
        Ok(SocketAddr::new(address, port))
    }

    pub(super) async fn reach(&self, address: SocketAddr) -> Result<(), EngineError> {
        const ACTION: &str = "reach the container";
        let Ok(connected) = timeout(REACH, TcpStream::connect(address)).await else {
            return Err(EngineError::Timeout(ACTION));
        };
        match connected {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                // It was the container that said so.
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Ok(()),
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    Err(EngineError::Refused { action: ACTION, message: format!("{address}: {error}") })
                }
                // It says nothing of the container, as where no port is left to ask from.
                _ => Err(EngineError::Unreachable(Box::new(error))),
            },
        }
    }
}
