//! Durations and points in time.

use std::{
    ops::RangeInclusive,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::domain::error::FieldViolation;

const NANOS: RangeInclusive<i32> = 0..=999_999_999;
/// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, the bounds that `google.protobuf.Timestamp` gives itself.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Returns a duration within bounds; `None` where it is left out.
pub(super) fn duration(
    field: &str,
    given: Option<prost_types::Duration>,
    bounds: &RangeInclusive<Duration>,
) -> Result<Option<Duration>, FieldViolation> {
    let Some(given) = given else { return Ok(None) };
    let fail = |problem: String| Err(FieldViolation::new(field, problem));
    if given.seconds < 0 || given.nanos < 0 {
        return fail("must not be negative".to_owned());
    }
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(given.seconds), u32::try_from(given.nanos)) else {
        return fail("must not be negative".to_owned());
    };
    if !NANOS.contains(&given.nanos) {
        return fail(format!("must have at most 999999999 nanos, has {nanos}"));
    }
    let duration = Duration::new(seconds, nanos);
    if !bounds.contains(&duration) {
        let (least, most) = (bounds.start().as_secs(), bounds.end().as_secs());
        return fail(format!("must be from {least} s to {most} s, is {seconds} s"));
    }
    Ok(Some(duration))
}

/// Returns a point in time; `None` where it is left out.
pub(super) fn timestamp(
    field: &str,
    given: Option<prost_types::Timestamp>,
) -> Result<Option<SystemTime>, FieldViolation> {
    let Some(given) = given else { return Ok(None) };
    let fail = |problem: &str| Err(FieldViolation::new(field, problem));
    if !TIMESTAMP_SECONDS.contains(&given.seconds) {
        return fail("must be from the year 1 to the year 9999");
    }
    let Some(nanos) = NANOS.contains(&given.nanos).then_some(given.nanos.unsigned_abs()) else {
        return fail("must have 0 to 999999999 nanos");
    };
    let seconds = Duration::from_secs(given.seconds.unsigned_abs());
    let second = if given.seconds < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
    match second.and_then(|second| second.checked_add(Duration::from_nanos(nanos.into()))) {
        Some(time) => Ok(Some(time)),
        None => fail("cannot be represented"),
    }
}

/// Returns a duration as it is sent.
pub(super) fn sent_duration(duration: Duration) -> prost_types::Duration {
    // Longer ones than the type can hold do not occur; the longest would be sent.
    duration.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}
