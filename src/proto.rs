//! The generated contracts. Only `grpc`, `cli`, `app` and the one client of the agent use them.

pub mod codec;

/// The public contract.
pub mod preview {
    /// Version 1.
    #[allow(missing_docs, clippy::all)]
    pub mod v1 {
        tonic::include_proto!("preview.v1");

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
