//! Which of the ports that an app listens on is the one to show.
//!
//! A port that was named is the only one. Otherwise the expected one is preferred, and of others one that answers a
//! navigation with a page goes before one that does not: an API or a metrics port is often open before the page's.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::probe::{Answer, Problem};

/// How long the expected port is waited for once another one answers with a page.
const PAGE_AFTER: Duration = Duration::from_millis(500);
/// How long a page is waited for once something else answers.
const OTHER_AFTER: Duration = Duration::from_millis(1500);
/// The same where the expected port is the one that was found before.
const HELD_PAGE_AFTER: Duration = Duration::from_secs(3);
const HELD_OTHER_AFTER: Duration = Duration::from_secs(10);
/// The same as `OTHER_AFTER` where a page is surely to come: a development server that has just begun takes long on a busy
/// machine, and an API beside it does not.
const OTHER_AFTER_PAGE: Duration = Duration::from_secs(10);

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The port.
    pub port: u16,
    /// Whether it is the only one that is taken.
    pub named: bool,
    /// Whether it is the one that was found before.
    pub held: bool,
    /// Whether what opens it surely has a page.
    pub has_page: bool,
}

/// What is known of one port that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// When it was first seen.
    pub since: Instant,
    /// When it first answered, or was found to speak something else.
    pub told: Option<Instant>,
    /// What it answers; `None` until it does.
    pub answer: Option<Result<Answer, Problem>>,
    /// Whether it has answered with an error that was not believed.
    pub doubted: bool,
}

impl Known {
    /// Returns the answer, if it is one that an app gives: none of a proxy whose app is not there yet, and none of a
    /// socket that wants nothing but WebSockets.
    fn usable(&self) -> Option<&Answer> {
        let answer = self.answer.as_ref()?.as_ref().ok()?;
        (!matches!(answer.status, 502..=504) && answer.status != 426).then_some(answer)
    }

    /// Returns whether it is known to be no HTTP.
    fn is_foreign(&self) -> bool {
        matches!(self.answer, Some(Err(Problem::Tls | Problem::NoHttp(_))))
    }

    fn speaks_tls(&self) -> bool {
        matches!(self.answer, Some(Err(Problem::Tls)))
    }

    fn told_for(&self, now: Instant) -> Duration {
        self.told.map_or(Duration::ZERO, |told| now.duration_since(told))
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This port is shown.
    Take(u16),
    /// The app speaks TLS, at this port.
    Tls(u16),
    /// It is too early to tell.
    Wait,
}

/// Chooses among the ports that are listened on, by number; those of tools are not among them.
pub fn choose(ports: &BTreeMap<u16, Known>, expected: Expected, now: Instant) -> Choice {
    let own = ports.get(&expected.port);
    if expected.named {
        return match own {
            Some(known) if known.speaks_tls() => Choice::Tls(expected.port),
            // Whatever it answers with, it is the one.
            Some(Known { answer: Some(Ok(answer)), .. }) if !matches!(answer.status, 502..=504) => {
                Choice::Take(expected.port)
            }
            _ => Choice::Wait,
        };
    }
    let others = || ports.iter().filter(|(port, _)| **port != expected.port);
    let page = others()
        .filter(|(_, known)| known.usable().is_some_and(Answer::is_page))
        .min_by_key(|(_, known)| known.told)
        .map(|(port, _)| *port);
    match own {
        Some(known) if !known.is_foreign() => match known.answer.as_ref().and_then(|answer| answer.as_ref().ok()) {
            Some(answer) if answer.status < 400 => return Choice::Take(expected.port),
            Some(answer) if !matches!(answer.status, 502..=504) => {
                if let Some(page) = page {
                    return Choice::Take(page);
                }
                let alone = others().next().is_none();
                let waited = known.told_for(now) >= OTHER_AFTER;
                return if alone || waited { Choice::Take(expected.port) } else { Choice::Wait };
            }
            _ => return Choice::Wait,
        },
        _ => {}
    }
    let (page_after, other_after) = match expected {
        Expected { held: true, .. } => (HELD_PAGE_AFTER, HELD_OTHER_AFTER),
        Expected { has_page: true, .. } => (PAGE_AFTER, OTHER_AFTER_PAGE),
        _ => (PAGE_AFTER, OTHER_AFTER),
    };
    let seen_for = others().map(|(_, known)| now.duration_since(known.since)).max().unwrap_or_default();
    if let Some(page) = page {
        return if seen_for >= page_after || expected.port == 0 { Choice::Take(page) } else { Choice::Wait };
    }
    let first = others().filter(|(_, known)| known.usable().is_some()).min_by_key(|(_, known)| known.told);
    if let Some((port, known)) = first {
        return if known.told_for(now) >= other_after { Choice::Take(*port) } else { Choice::Wait };
    }
    // Nothing but TLS, for as long as something else could have come.
    let tls = ports.iter().find(|(_, known)| known.speaks_tls() && known.told_for(now) >= OTHER_AFTER);
    match tls {
        Some((port, _)) if ports.values().all(Known::is_foreign) => Choice::Tls(*port),
        _ => Choice::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::Candidate;

    const NONE: &[(u16, &str, u64)] = &[];

    /// Returns the choice among ports that answer so, and were first seen so many milliseconds ago.
    fn chosen(ports: &[(u16, &str, u64)], expected: Expected) -> Choice {
        let begun = Instant::now();
        let now = begun + Duration::from_secs(100);
        let known = ports.iter().map(|(port, what, ago)| {
            let at = now.checked_sub(Duration::from_millis(*ago)).unwrap();
            let answer = match *what {
                "" => None,
                "tls" => Some(Err(Problem::Tls)),
                "ssh" => Some(Err(Problem::NoHttp("not an answer of HTTP/1".into()))),
                "slow" => Some(Err(Problem::Silent("did not answer".into()))),
                text => {
                    let (status, kind) = text.split_once(' ').unwrap();
                    let content_type = if kind == "html" { "text/html; charset=utf-8" } else { "application/json" };
                    Some(Ok(Answer {
                        from: Candidate { address: ([127, 0, 0, 1], *port).into(), direct: true },
                        status: status.parse().unwrap(),
                        content_type: content_type.into(),
                        body: Default::default(),
                        end: Default::default(),
                        broken_off: false,
                        path: "/".into(),
                    }))
                }
            };
            let told = answer.as_ref().map(|_| at);
            (*port, Known { since: at, told, answer, doubted: false })
        });
        choose(&known.collect(), expected, now)
    }

    #[test]
    fn a_port_that_is_named_is_the_only_one() {
        use Choice::{Take, Tls, Wait};
        let named = Expected { port: 3000, named: true, held: false, has_page: false };
        assert_eq!(chosen(NONE, named), Wait);
        assert_eq!(chosen(&[(3001, "200 html", 60_000)], named), Wait);
        assert_eq!(chosen(&[(3000, "404 json", 0), (3001, "200 html", 60_000)], named), Take(3000));
        assert_eq!(chosen(&[(3000, "426 json", 0)], named), Take(3000));
        assert_eq!(chosen(&[(3000, "503 html", 0)], named), Wait);
        assert_eq!(chosen(&[(3000, "", 60_000)], named), Wait);
        assert_eq!(chosen(&[(3000, "tls", 0)], named), Tls(3000));
        assert_eq!(chosen(&[(3001, "tls", 60_000)], named), Wait);
    }

    #[test]
    fn the_expected_port_is_preferred_and_a_page_goes_before_anything_else() {
        use Choice::{Take, Tls, Wait};
        type Row<'a> = (&'a [(u16, &'a str, u64)], Choice);
        let table: &[Row<'_>] = &[
            (NONE, Wait),
            (&[(3000, "200 json", 0), (3001, "200 html", 9000)], Take(3000)),
            (&[(3000, "404 json", 0)], Take(3000)),
            (&[(3000, "404 json", 0), (5173, "", 0)], Wait),
            (&[(3000, "404 json", 1600), (5173, "", 1600)], Take(3000)),
            (&[(3000, "404 json", 0), (5173, "200 html", 0)], Take(5173)),
            (&[(3000, "500 html", 0), (5173, "200 html", 0)], Take(5173)),
            (&[(3000, "", 0), (5173, "200 html", 60_000)], Wait),
            (&[(3000, "slow", 0), (5173, "200 html", 60_000)], Wait),
            (&[(3000, "ssh", 0), (5173, "200 html", 600)], Take(5173)),
            (&[(5173, "200 html", 0)], Wait),
            (&[(5173, "200 html", 600)], Take(5173)),
            (&[(4000, "200 json", 600)], Wait),
            (&[(4000, "200 json", 600), (5173, "200 html", 10)], Take(5173)),
            (&[(4000, "200 json", 1600)], Take(4000)),
            (&[(4000, "404 html", 1600), (4001, "200 json", 1700)], Take(4001)),
            (&[(4000, "426 json", 9000)], Wait),
            (&[(4000, "503 html", 9000)], Wait),
            (&[(3000, "tls", 100)], Wait),
            (&[(3000, "tls", 1600)], Tls(3000)),
            (&[(3000, "tls", 9000), (3001, "200 json", 9000)], Take(3001)),
            (&[(3000, "tls", 9000), (3001, "", 9000)], Wait),
            (&[(4000, "tls", 1600)], Tls(4000)),
        ];
        for (ports, expected) in table {
            assert_eq!(
                chosen(ports, Expected { port: 3000, named: false, held: false, has_page: false }),
                *expected,
                "{ports:?}"
            );
        }
    }

    #[test]
    fn an_api_is_not_taken_where_a_page_is_to_come() {
        use Choice::{Take, Wait};
        let page = Expected { port: 5173, named: false, held: false, has_page: true };
        assert_eq!(chosen(&[(3001, "404 html", 9000)], page), Wait);
        assert_eq!(chosen(&[(3001, "404 html", 9000), (5173, "200 html", 0)], page), Take(5173));
        assert_eq!(chosen(&[(3001, "404 html", 10_000)], page), Take(3001));
        assert_eq!(chosen(&[(8080, "200 html", 600)], page), Take(8080));
    }

    #[test]
    fn a_port_that_was_found_before_is_waited_for_longer() {
        use Choice::{Take, Wait};
        let held = Expected { port: 5173, named: false, held: true, has_page: false };
        assert_eq!(chosen(&[(4000, "200 json", 9000)], held), Wait);
        assert_eq!(chosen(&[(4000, "200 json", 10_000)], held), Take(4000));
        assert_eq!(chosen(&[(4000, "200 html", 2000)], held), Wait);
        assert_eq!(chosen(&[(4000, "200 html", 3000)], held), Take(4000));
        assert_eq!(chosen(&[(4000, "200 json", 9000), (5173, "200 html", 0)], held), Take(5173));
    }
}
