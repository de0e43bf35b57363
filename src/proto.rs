//! The generated contracts. Only `grpc`, `cli`, `app` and the one client of the agent use them.

pub mod codec;
pub mod encoded;

/// The public contract.
pub mod preview {
    /// Version 1.
    #[allow(missing_docs, clippy::all)]
    pub mod v1 {
        tonic::include_proto!("preview.v1");
        // The servers, for which some messages are encoded before.
        include!(concat!(env!("OUT_DIR"), "/servers/preview.v1.rs"));

        /// What reflection serves.
        pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preview_v1.bin"));
    }
}

/// The private contract between the service and the agent.
pub mod agent {
    /// Version 1.
    #[allow(missing_docs, clippy::all)]
    pub mod v1 {
        tonic::include_proto!("agent.v1");
    }
}
