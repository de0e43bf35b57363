//! The connection to a service. Every call has a deadline.

use std::time::Duration;

use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::health_client::HealthClient;

use super::errors::Failed;
use crate::proto::preview::v1::{preview_service_client::PreviewServiceClient, vfs_service_client::VfsServiceClient};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take that waits for nothing but the service.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a call may take that waits for an installation and a start.
const READY_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// The most bytes of a message: above every limit of the service.
const MAX_MESSAGE_BYTES: usize = 40 * 1024 * 1024;

/// A connection that is made with the first call.
pub(super) struct Client {
    channel: Channel,
}

impl Client {
    /// Returns a client of the service at that address, with or without a scheme.
    pub(super) fn new(address: &str) -> Result<Self, Failed> {
        let url = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let endpoint = Endpoint::try_from(url)
            .map_err(|error| Failed::local(format!("{address} is not the address of a service: {error}")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_adaptive_window(true)
            .tcp_nodelay(true);
        Ok(Self { channel: endpoint.connect_lazy() })
    }

    pub(super) fn previews(&self) -> PreviewServiceClient<Channel> {
        PreviewServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(super) fn vfs(&self) -> VfsServiceClient<Channel> {
        VfsServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(super) fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }
}

/// Returns a request with the deadline of a call that waits for nothing else.
pub(super) fn quick<T>(message: T) -> Request<T> {
    with_timeout(message, CALL_TIMEOUT)
}

/// Returns a request with the deadline of a call that waits for a preview.
pub(super) fn patient<T>(message: T) -> Request<T> {
    with_timeout(message, READY_TIMEOUT)
}

fn with_timeout<T>(message: T, timeout: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}
