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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::preview::v1 as proto;

    #[test]
    fn messages_have_the_names_of_the_contract_and_words_for_enums() {
        let preview = proto::Preview {
            preview_id: "abcdefgh2345".into(),
            stack: proto::Stack::Python.into(),
            phase: proto::Phase::Running.into(),
            created_at: Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }),
            idle_timeout: Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }),
            limits: Some(proto::Limits { memory_bytes: 1 << 40, cpus: 0.5, pids: 256 }),
            ..Default::default()
        };
        let response = proto::CreateResponse { preview: Some(preview), created: true };
        let json = object("CreateResponse", &response);
        assert_eq!(json["created"], true);
        let preview = &json["preview"];
        assert_eq!(preview["preview_id"], "abcdefgh2345");
        assert_eq!((&preview["stack"], &preview["phase"]), (&json!("python"), &json!("running")));
        assert_eq!(preview["created_at"], "1970-01-01T00:00:01.500Z");
        assert_eq!(preview["idle_timeout"], "1.5s");
        assert_eq!(preview["limits"]["memory_bytes"], 1_u64 << 40);
        assert_eq!(preview["url"], "");
        assert!(preview.get("failure").is_none());
    }

    #[test]
    fn unknown_enum_numbers_stay_numbers_and_lists_stay_lists() {
        let changed = proto::ChangedPath { path: "a".into(), kind: 3 };
        let unknown = proto::ChangedPath { path: "b".into(), kind: 99 };
        let json = object("DiffResponse", &proto::DiffResponse { changed_paths: vec![changed, unknown] });
        assert_eq!(json["changed_paths"], json!([{ "path": "a", "kind": "deleted" }, { "path": "b", "kind": 99 }]));
    }
}
