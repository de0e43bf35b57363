//! Page tokens: opaque to clients, checked, and good only for the request they came from.

use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::domain::error::FieldViolation;

/// The longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 4096;
/// The most items that may be asked for at once. A page may hold fewer.
pub const MAX_PAGE_SIZE: usize = 100_000;
/// The bytes of a digest that go into a token.
const DIGEST_BYTES: usize = 8;

/// What a token is bound to: the method, and the request's fields that choose what is listed.
#[derive(Debug, Clone)]
pub struct Binding(String);

impl Binding {
    /// Returns the binding of a method and its filters.
    pub fn new<F: std::fmt::Debug>(method: &str, filters: &F) -> Self {
        Self(format!("{method} {filters:?}"))
    }

    /// Returns the token for a place.
    pub fn token<T: Serialize>(&self, place: &T) -> String {
        let Ok(place) = serde_json::to_vec(place) else { return String::new() };
        let mut bytes = self.digest(&place).to_vec();
        bytes.extend(place);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Returns the place of a token; `None` for an empty one, which means the beginning.
    ///
    /// # Errors
    /// When the token was not made for this method and these filters.
    pub fn place<T: DeserializeOwned>(&self, token: &str) -> Result<Option<T>, FieldViolation> {
        if token.is_empty() {
            return Ok(None);
        }
        self.read(token).map(Some).ok_or_else(|| {
            FieldViolation::new("page_token", "must be the next_page_token of this method with the same filters")
        })
    }

    fn read<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (digest, place) = bytes.split_at_checked(DIGEST_BYTES)?;
        (digest == self.digest(place)).then(|| serde_json::from_slice(place).ok()).flatten()
    }

    /// Returns a digest of the binding and the place. It guards against mistakes, not against forgery: a forged token
    /// shows nothing that a request without one would not.
    fn digest(&self, place: &[u8]) -> [u8; DIGEST_BYTES] {
        let hash = Sha256::new().chain_update(&self.0).chain_update([0]).chain_update(place).finalize();
        std::array::from_fn(|index| hash[index])
    }
}

/// How many items a page has: what is asked for, or the default for 0, and never more than a page holds.
///
/// # Errors
/// When it is negative, or above [`MAX_PAGE_SIZE`].
pub fn page_size(asked: i32, default: usize, most: usize) -> Result<usize, FieldViolation> {
    match usize::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size) if size <= MAX_PAGE_SIZE => Ok(size.min(most)),
        _ => Err(FieldViolation::new("page_size", format!("must be from 0 to {MAX_PAGE_SIZE}, is {asked}"))),
    }
}
