//! Protobuf on the wire, with a message that cannot be decoded answered as the sender's mistake.
//!
//! tonic's own codec answers INTERNAL, which would blame the service for text that is not UTF-8.

use std::marker::PhantomData;

use prost::{DecodeError, Message};
use tonic::{
    Code, Status,
    codec::{DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` that the service sends.
pub const ERROR_DOMAIN: &str = "previewd";

/// Encodes `T` and decodes `U`.
#[derive(Debug, Clone)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Decodes `U`.
#[derive(Debug, Clone)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(buf).map(Some).map_err(|error| undecodable(&error))
    }
}

/// Returns the answer to a message that cannot be decoded.
fn undecodable(error: &DecodeError) -> Status {
    let text = error.to_string();
    let mut details = ErrorDetails::new();
    details
        .set_error_info("MALFORMED_MESSAGE", ERROR_DOMAIN, std::collections::HashMap::new())
        .add_bad_request_violation(field_of(&text), &text);
    Status::with_error_details(Code::InvalidArgument, text, details)
}

/// Returns the field at fault, as far as the decoder's own words name it: it prints each level as `Message.field: `, the
/// innermost first.
fn field_of(text: &str) -> String {
    let levels = text.split(": ").filter_map(|level| {
        let (message, field) = level.split_once('.')?;
        let named = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (named(message) && named(field)).then_some(field)
    });
    levels.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(".")
}
