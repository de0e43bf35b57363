//! Makes an app that listens on the loopback interface only reachable from outside the container.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The most connections of one relay; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;
const CONNECT_FOR: Duration = Duration::from_secs(5);

/// The relays of one process. They end with it.
#[derive(Debug, Default)]
pub struct Relays {
    ports: Mutex<HashMap<SocketAddr, u16>>,
    tasks: TaskTracker,
    token: CancellationToken,
}

impl Relays {
    /// Returns the port of the relay to an address, starting it if there is none.
    pub async fn port_to(&self, target: SocketAddr) -> io::Result<u16> {
        let mut ports = self.ports.lock().await;
        if let Some(port) = ports.get(&target) {
            return Ok(*port);
        }
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let port = listener.local_addr()?.port();
        // They end with the token, which goes with the process.
        self.tasks.spawn(serve(listener, target, self.token.clone(), self.tasks.clone()));
        ports.insert(target, port);
        Ok(port)
    }

    /// Returns the ports that the agent itself listens on.
    pub async fn own_ports(&self) -> Vec<u16> {
        self.ports.lock().await.values().copied().collect()
    }

    /// Ends all relays; when it returns, nothing listens any more.
    pub async fn close(&self) {
        self.token.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, token: CancellationToken, tasks: TaskTracker) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = token.cancelled() => return,
            accepted = accepted => accepted,
        };
        match (accepted, permit) {
            (Ok((client, _)), Ok(permit)) => {
                let token = token.clone();
                // It ends when both sides have, or with the token.
                tasks.spawn(async move {
                    tokio::select! {
                        () = token.cancelled() => {}
                        () = pass(client, target, permit) => {}
                    }
                });
            }
            // Out of descriptors, most likely: some will be closed.
            _ => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Copies both ways, each side's end passed on, until both have ended.
async fn pass(mut client: TcpStream, target: SocketAddr, _permit: OwnedSemaphorePermit) {
    if let Ok(Ok(mut app)) = timeout(CONNECT_FOR, TcpStream::connect(target)).await {
        let _ = client.set_nodelay(true);
        let _ = app.set_nodelay(true);
        let _ = copy_bidirectional(&mut client, &mut app).await;
    }
}
