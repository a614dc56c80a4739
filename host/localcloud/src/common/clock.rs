//! Times as Google writes them.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Now, with microseconds, in UTC: `2024-04-25T01:58:35.886675Z`.
pub(crate) fn now() -> String {
    utc(Timestamp::now())
}

/// `timestamp` with microseconds in UTC.
pub(crate) fn utc(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// `timestamp` with milliseconds in UTC, as Cloud SQL and Cloud Storage write it.
pub(crate) fn millis(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `timestamp` with milliseconds in Compute Engine's own time zone: `…T19:00:37.777-07:00`.
pub(crate) fn pacific(timestamp: Timestamp) -> String {
    let zone = TimeZone::fixed(Offset::constant(-7));
    timestamp.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_api_has_its_own_way_to_write_a_time() {
        let time: Timestamp = "2024-04-25T02:00:37.777123456Z".parse().unwrap();
        assert_eq!(utc(time), "2024-04-25T02:00:37.777123Z");
        assert_eq!(millis(time), "2024-04-25T02:00:37.777Z");
        assert_eq!(pacific(time), "2024-04-24T19:00:37.777-07:00");
    }
}
