//! The releases of a package that are nearest to one that does not exist.

use std::cmp::Ordering;

/// Returns a sentence that names the releases next to what was asked for, and the newest; `None` if there is none. `known`
/// is in any order.
pub(super) fn nearest(asked: &str, known: &[&str]) -> Option<String> {
    let mut releases: Vec<(Vec<u64>, &str)> = known
        .iter()
        .map(|version| version.trim())
        .filter(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .map(|version| (numbers(version), version))
        .collect();
    releases.sort();
    releases.dedup_by(|a, b| a.0 == b.0);
    let newest = releases.last()?;
    let wanted = numbers(asked);
    let at = releases.partition_point(|(release, _)| release.cmp(&wanted) == Ordering::Less);
    let next = releases.get(at);
    let before = at.checked_sub(1).and_then(|at| releases.get(at));
    let others: Vec<&str> = [before, next]
        .into_iter()
        .flatten()
        .filter(|(release, _)| *release != newest.0)
        .map(|(_, text)| *text)
        .collect();
    Some(match others.as_slice() {
        [] => format!("the newest is {}", newest.1),
        [one] => format!("the nearest is {one}, the newest {}", newest.1),
        several => format!("the nearest are {}, the newest is {}", several.join(" and "), newest.1),
    })
}

/// Returns the first version in a text, as numbers.
fn numbers(text: &str) -> Vec<u64> {
    let start = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let version = text[start..].split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    version.split('.').map(|part| part.parse().unwrap_or(u64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_releases_beside_what_was_asked_for_and_the_newest_are_named() {
        let known = ["0.1", "2.9.1", "2.10.0", "3.0.0rc1", "3.0.2", "3.1.0"];
        assert_eq!(nearest("==99.0", &known).as_deref(), Some("the newest is 3.1.0"));
        assert_eq!(
            nearest("==2.9.5", &known).as_deref(),
            Some("the nearest are 2.9.1 and 2.10.0, the newest is 3.1.0")
        );
        assert_eq!(nearest("^0.0.1", &known).as_deref(), Some("the nearest is 0.1, the newest 3.1.0"));
        assert_eq!(nearest("*", &["beta"]), None);
        assert_eq!(nearest(&"9".repeat(40), &known).as_deref(), Some("the newest is 3.1.0"));
    }
}
