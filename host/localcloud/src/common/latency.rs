//! How long operations take: not at all, or Google's own durations, scaled.

use std::str::FromStr;
use std::time::Duration;

/// The latency profile of a local cloud.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Latency {
    /// Operations take as long as their work. Pollers still see each one pending once.
    #[default]
    None,
    /// Google's usual durations divided by this number.
    Scaled(f64),
}

/// A latency profile that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no latency profile: write `none`, or `scaled:N` for Google's durations divided by N")]
pub struct UnknownLatency(String);

impl FromStr for Latency {
    type Err = UnknownLatency;

    fn from_str(text: &str) -> Result<Self, UnknownLatency> {
        if text == "none" {
            return Ok(Self::None);
        }
        text.strip_prefix("scaled:")
            .and_then(|factor| factor.parse().ok())
            .filter(|factor: &f64| factor.is_finite() && *factor > 0.0)
            .map(Self::Scaled)
            .ok_or_else(|| UnknownLatency(text.to_owned()))
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => formatter.write_str("none"),
            Self::Scaled(factor) => write!(formatter, "scaled:{factor}"),
        }
    }
}

/// Usual durations in seconds by API and action. The network figures were recorded; the others are
/// what users report.
const USUAL: &[(&str, &str, f64)] = &[
    ("serviceusage", "", 20.0),
    ("compute", "networks.insert", 9.0),
    ("compute", "networks.delete", 20.0),
    ("compute", "subnetworks.", 12.0),
    ("compute", "globalAddresses.", 2.0),
    ("servicenetworking", "", 35.0),
    ("sqladmin", "instances.insert", 420.0),
    ("sqladmin", "instances.delete", 60.0),
    ("sqladmin", "instances.", 60.0),
    ("sqladmin", "", 2.0),
    ("artifactregistry", "", 4.0),
    ("cloudbuild", "", 20.0),
    ("run", "", 6.0),
];

impl Latency {
    /// How long to wait before the work of an operation begins.
    pub(crate) fn delay(self, api: &str, action: &str) -> Duration {
        let Self::Scaled(factor) = self else { return Duration::ZERO };
        USUAL
            .iter()
            .find(|(of, prefix, _)| *of == api && action.starts_with(prefix))
            .and_then(|(_, _, seconds)| Duration::try_from_secs_f64(seconds / factor).ok())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_and_written() {
        for text in ["none", "scaled:100"] {
            assert_eq!(text.parse::<Latency>().unwrap().to_string(), text);
        }
        for text in ["", "slow", "scaled:", "scaled:0", "scaled:-1", "scaled:inf"] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_divided() {
        let latency = Latency::Scaled(10.0);
        assert_eq!(latency.delay("compute", "networks.insert"), Duration::from_millis(900));
        assert_eq!(latency.delay("sqladmin", "users.insert"), Duration::from_millis(200));
        assert_eq!(Latency::None.delay("sqladmin", "instances.insert"), Duration::ZERO);
    }
}
