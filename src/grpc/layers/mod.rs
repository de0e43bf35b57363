//! What stands around every call, from the outside in: request id, span, details on errors, who calls, ends, concurrency, weight.

pub mod concurrency;
pub mod ends;
pub mod errors;
pub mod request_id;
pub mod shares;
pub mod trace;
pub mod weight;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
};
use tokio_util::sync::CancellationToken;

pub use self::concurrency::{Slot, Slots};
use self::weight::Weights;
use super::callers::{self, Callers};

/// Puts around the routes what every call of gRPC gets, whether it came as grpc-web or not.
pub fn around_calls(routes: Router, callers: Callers, slots: Slots, shutdown: CancellationToken) -> Router {
    routes
        .layer(from_fn_with_state(Weights::default(), weight::weigh))
        .layer(from_fn_with_state(slots, concurrency::limit))
        .layer(from_fn_with_state(shutdown, ends::guard))
        .layer(from_fn_with_state(callers, callers::admit))
        .layer(from_fn(errors::explain))
        .layer(from_fn(trace::span))
}
