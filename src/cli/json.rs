//! Messages as JSON: the contract's field names, enum names without their prefix in lower case, times in RFC 3339.
//!
//! Read from the contract's own descriptors, so that a new field is there without a line of code.

use std::sync::LazyLock;

use data_encoding::BASE64;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, Kind, MapKey, ReflectMessage, Value as Reflected};
use serde_json::{Map, Value, json};

use super::describe::{duration_text, time_text};
use crate::proto::preview::v1::FILE_DESCRIPTOR_SET;

static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap_or_default());

/// Returns a message as an object. `name` is its name in the contract, without the package.
pub(super) fn object<M: Message>(name: &str, message: &M) -> Value {
    let descriptor = CONTRACT.get_message_by_name(&format!("preview.v1.{name}"));
    let decoded =
        descriptor.and_then(|descriptor| DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok());
    decoded.map_or(Value::Null, |message| message_value(&message))
}

fn message_value(message: &DynamicMessage) -> Value {
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => message
            .transcode_to::<prost_types::Timestamp>()
            .map_or(Value::Null, |timestamp| Value::String(time_text(Some(timestamp)))),
        "google.protobuf.Duration" => message
            .transcode_to::<prost_types::Duration>()
            .map_or(Value::Null, |duration| Value::String(duration_text(Some(duration)))),
        _ => {
            let present = message
                .descriptor()
                .fields()
                .filter(|field| !field.supports_presence() || message.has_field(field))
                .map(|field| (field.name().to_owned(), value(&message.get_field(&field), &field.kind())))
                .collect();
            Value::Object(present)
        }
    }
}

fn value(reflected: &Reflected, kind: &Kind) -> Value {
    match reflected {
        Reflected::Bool(flag) => json!(flag),
        Reflected::I32(number) => json!(number),
        Reflected::I64(number) => json!(number),
        Reflected::U32(number) => json!(number),
        Reflected::U64(number) => json!(number),
        Reflected::F32(number) => json!(number),
        Reflected::F64(number) => json!(number),
        Reflected::String(text) => json!(text),
        Reflected::Bytes(bytes) => json!(BASE64.encode(bytes)),
        Reflected::EnumNumber(number) => match kind {
            Kind::Enum(descriptor) => enum_value(descriptor, *number),
            _ => json!(number),
        },
        Reflected::Message(message) => message_value(message),
        Reflected::List(items) => items.iter().map(|item| value(item, kind)).collect(),
        Reflected::Map(entries) => {
            let value_kind = match kind {
                Kind::Message(entry) => entry.map_entry_value_field().kind(),
                other => other.clone(),
            };
            let entries = entries.iter().map(|(key, item)| (key_text(key), value(item, &value_kind)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// Returns `running` for `PHASE_RUNNING`; the number for one that this program does not know yet.
fn enum_value(descriptor: &EnumDescriptor, number: i32) -> Value {
    let Some(known) = descriptor.get_value(number) else { return json!(number) };
    // buf's lint makes every value begin with the enum's name in upper case.
    let prefix_bytes = descriptor.get_value(0).map_or(0, |zero| zero.name().trim_end_matches("UNSPECIFIED").len());
    json!(known.name().get(prefix_bytes..).unwrap_or_default().to_lowercase())
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
