//! How single values are read. Errors say what would be valid.

use std::{ops::RangeInclusive, time::Duration};

/// Returns a duration given as a number of units, fractions allowed.
pub(super) fn duration(text: &str, unit: Duration, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let units = |duration: &Duration| duration.as_secs_f64() / unit.as_secs_f64();
    text.parse::<f64>()
        .ok()
        .and_then(|number| Duration::try_from_secs_f64(number * unit.as_secs_f64()).ok())
        .filter(|duration| range.contains(duration))
        .ok_or_else(|| {
            format!(
                "must be a number of {} from {} to {}",
                name(unit),
                rounded(units(range.start())),
                units(range.end())
            )
        })
}

/// Returns a fraction within bounds.
pub(super) fn fraction(text: &str, range: &RangeInclusive<f64>) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("must be a number from {} to {}", range.start(), range.end()))
}

/// Returns bytes given as Docker takes them: a number, fractions allowed, with `b`, `k`, `m` or `g` (of 1024), or none.
pub(super) fn memory(text: &str, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &lower[number.len()..] {
        "" | "b" => Some(1.0),
        "k" | "kb" => Some(1024.0),
        "m" | "mb" => Some(1024.0 * 1024.0),
        "g" | "gb" => Some(1024.0 * 1024.0 * 1024.0),
        _ => None,
    };
    factor
        .zip(number.trim_end().parse::<f64>().ok())
        .map(|(factor, number)| number * factor)
        .filter(|bytes| bytes.is_finite() && *bytes >= 0.0)
        // Exact: the bounds are far below 2^53.
        .map(|bytes| bytes as u64)
        .filter(|bytes| range.contains(bytes))
        .ok_or_else(|| {
            let mib = |bytes: &u64| bytes / 1024 / 1024;
            format!("must be bytes, or a number with k, m or g, from {}m to {}m", mib(range.start()), mib(range.end()))
        })
}

/// Returns an origin as browsers send it.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let valid = || "must be *, local or origins such as https://app.example:8443, separated by commas".to_owned();
    let uri: http::Uri = text.parse().map_err(|_| valid())?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or_else(valid)?;
    let authority = uri.authority().ok_or_else(valid)?;
    if text != format!("{scheme}://{authority}") || authority.as_str().contains('@') {
        return Err(valid());
    }
    Ok(text.to_owned())
}

/// Checks that a name is that of a host alone, as in a `Host` header without its port.
pub(super) fn host(text: &str) -> Result<String, String> {
    let authority = text.parse::<http::uri::Authority>().ok().filter(|it| it.host() == text && !text.is_empty());
    let valid = "must be host names such as previews.example, without ports, separated by commas";
    authority.map(|_| text.to_ascii_lowercase()).ok_or_else(|| valid.to_owned())
}

/// Checks that a PEM bundle holds at least one certificate, and none that is no base64 of a DER sequence.
pub(super) fn check_certificates(pem: &str) -> Result<(), String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    const DER_SEQUENCE: u8 = 0x30;
    let bodies: Vec<&str> = pem.split(BEGIN).skip(1).collect();
    if bodies.is_empty() {
        return Err(format!("must name a PEM file with at least one certificate ({BEGIN})"));
    }
    for (index, body) in bodies.iter().enumerate() {
        let base64: Option<String> =
            body.split_once(END).map(|(base64, _)| base64.chars().filter(|c| !c.is_whitespace()).collect());
        let der = base64.and_then(|base64| data_encoding::BASE64.decode(base64.as_bytes()).ok());
        if der.is_none_or(|der| der.first() != Some(&DER_SEQUENCE)) {
            return Err(format!("certificate {} of the file is damaged", index + 1));
        }
    }
    Ok(())
}

fn name(unit: Duration) -> &'static str {
    match unit.as_secs() {
        3600 => "hours",
        60 => "minutes",
        _ => "seconds",
    }
}

/// Returns a number with as many digits as people need.
fn rounded(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}
