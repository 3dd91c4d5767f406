//! The trace that a link belongs to, in the form of [W3C Trace Context][w3c]: what ties together, over the table and
//! the stream, whatever follows from one call of the CRM.
//!
//! Nothing here makes spans. A `traceparent` is kept with the link as it came and is passed on unchanged, as the
//! specification asks of a service that makes no spans: so the events that the CRM gets later belong to the call it
//! made.
//!
//! [w3c]: https://www.w3.org/TR/trace-context/

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Version, trace id, parent id and flags with the hyphens between them.
const LENGTH: usize = 55;

/// The digits of a trace id and of a parent id.
const TRACE_DIGITS: usize = 32;
const PARENT_DIGITS: usize = 16;

/// A `traceparent` of version 00. It is kept as its 25 bytes in base64, which takes 34 characters of a link's item instead of
/// 55: each kilobyte of an item is paid for at every write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trace(String);

impl Trace {
    /// Reads the header `traceparent`. A later version is read as far as it is known; what is no version of it is nothing.
    pub fn parse(header: &str) -> Option<Self> {
        let known = header.get(..LENGTH)?;
        let rest = header.get(LENGTH..)?;
        let mut parts = known.split('-');
        let [version, trace, parent, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let is_whole = if version == "00" { rest.is_empty() } else { rest.is_empty() || rest.starts_with('-') };
        let is_valid = parts.next().is_none()
            && is_whole
            && version != "ff"
            && is_hex(version, 2)
            && is_id(trace, TRACE_DIGITS)
            && is_id(parent, PARENT_DIGITS)
            && is_hex(flags, 2);
        is_valid.then(|| Self(format!("00-{trace}-{parent}-{flags}")))
    }

    /// Reads the header `X-Amzn-Trace-Id`, such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;
    /// Sampled=1`. AWS X-Ray writes the same trace id in another form. Without a parent there, `parent` stands for it.
    pub fn of_xray(header: &str, parent: [u8; 8]) -> Option<Self> {
        let field = |name: &str| {
            header.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let root = field("Root")?;
        let (time, unique) = root.strip_prefix("1-")?.split_once('-')?;
        let parent = field("Parent").unwrap_or_else(|| hex(&parent));
        let flags = if field("Sampled").as_deref() == Some("1") { "01" } else { "00" };
        Self::parse(&format!("00-{time}{unique}-{parent}-{flags}"))
    }

    /// A trace of its own, where nobody began one. Nobody samples it.
    pub fn from_random(trace: [u8; 16], parent: [u8; 8]) -> Option<Self> {
        Self::parse(&format!("00-{}-{}-00", hex(&trace), hex(&parent)))
    }

    /// What logs are searched by.
    pub fn id(&self) -> &str {
        self.0.get(3..3 + TRACE_DIGITS).unwrap_or_default()
    }

    /// What is passed on.
    pub fn traceparent(&self) -> &str {
        &self.0
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// An id of nothing but zeros is none.
fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|b| b != b'0')
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl TryFrom<String> for Trace {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "this is no base64")?;
        let digits = hex(&bytes);
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        let (trace, parent, flags) = (part(0, 32), part(32, 48), part(48, digits.len()));
        Self::parse(&format!("00-{trace}-{parent}-{flags}")).ok_or("this is no trace")
    }
}

impl From<Trace> for String {
    fn from(trace: Trace) -> Self {
        let digits: String = trace.0.split('-').skip(1).collect();
        let pairs = digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_came_is_passed_on_unchanged_and_its_id_is_what_logs_are_searched_by() {
        let trace = Trace::parse(GIVEN).unwrap();
        assert_eq!((trace.traceparent(), trace.id()), (GIVEN, "4bf92f3577b34da6a3ce929d0e0e4736"));
        let kept = serde_json::to_string(&trace).unwrap();
        assert_eq!(kept.len(), 34 + "\"\"".len());
        assert_eq!(serde_json::from_str::<Trace>(&kept).unwrap(), trace);
        for bad in ["\"\"", "\"AAAA\"", "\"not base64!\""] {
            assert!(serde_json::from_str::<Trace>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_traceparent_is_left_aside_and_a_later_version_is_read_as_far_as_it_is_known() {
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
            "+989121234567-4bf92f3577b34da6a3ce929d0e0e4736-0f067aa0",
        ] {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(Trace::parse(later).unwrap().traceparent(), GIVEN);
    }

    #[test]
    fn a_trace_of_x_ray_keeps_its_id_and_one_of_our_own_has_one() {
        let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let expected = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        assert_eq!(Trace::of_xray(xray, [7; 8]).unwrap().traceparent(), expected);
        // This is what API Gateway sends by itself.
        let bare = Trace::of_xray("Root=1-5759e988-bd862e3fe1be46a994272793", [7; 8]).unwrap();
        assert_eq!(bare.traceparent(), "00-5759e988bd862e3fe1be46a994272793-0707070707070707-00");
        assert_eq!(Trace::of_xray("Root=2-x", [7; 8]), None);
        let own = Trace::from_random([1; 16], [2; 8]).unwrap();
        assert_eq!(own.traceparent(), "00-01010101010101010101010101010101-0202020202020202-00");
        assert_eq!(Trace::from_random([0; 16], [2; 8]), None);
    }
}
