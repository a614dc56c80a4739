//! How long requests and operations take: as long as their work, or Google's own durations, scaled.

use std::str::FromStr;
use std::time::Duration;

/// The latency profile of a local cloud.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Latency {
    /// As long as their work. Pollers still see each operation pending once.
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

/// Usual durations of operations in seconds by API and action. The network figures were recorded; the others are
/// what users report. A build has to wait for a machine; its steps are really carried out, and take their own time.
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
    ("vpcaccess", "", 150.0),
];

/// Usual durations of a request that changes something and of one that reads, in seconds: the way to Google and
/// back, and a write or a look into several databases there.
const EXCHANGE: (f64, f64) = (0.4, 0.15);

impl Latency {
    /// How long to wait before a request is looked at.
    pub(crate) fn of_request(self, mutating: bool) -> Duration {
        let seconds = if mutating { EXCHANGE.0 } else { EXCHANGE.1 };
        self.scaled(seconds)
    }

    fn scaled(self, seconds: f64) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Scaled(factor) => Duration::try_from_secs_f64(seconds / factor).unwrap_or_default(),
        }
    }

    /// How long to wait before the work of an operation begins.
    pub(crate) fn delay(self, api: &str, action: &str) -> Duration {
        let usual = USUAL.iter().find(|(of, prefix, _)| *of == api && action.starts_with(prefix));
        usual.map(|(_, _, seconds)| self.scaled(*seconds)).unwrap_or_default()
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
        assert_eq!(latency.of_request(true), Duration::from_millis(40));
        assert_eq!(Latency::None.delay("sqladmin", "instances.insert"), Duration::ZERO);
        assert_eq!(Latency::None.of_request(false), Duration::ZERO);
    }
}
