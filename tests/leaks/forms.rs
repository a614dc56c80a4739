//! The shapes in which a secret may turn up.

use aho_corasick::AhoCorasick;
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// A secret, and what it looks like when it is written down.
pub(crate) struct Hunted {
    /// What it is, for messages.
    pub(crate) name: &'static str,
    /// Each form with its name.
    pub(crate) forms: Vec<(&'static str, Vec<u8>)>,
    /// Looks for all forms at once: what is searched is long.
    search: AhoCorasick,
}

impl Hunted {
    pub(crate) fn new(name: &'static str, secret: &str) -> Result<Self> {
        let mut forms = vec![
            ("in plain", secret.as_bytes().to_vec()),
            ("as hexadecimal digits", hex::encode(secret).into_bytes()),
        ];
        let encoded: String = secret
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).into()
                }
                other => format!("%{other:02X}"),
            })
            .collect();
        forms.push(("URL-encoded", encoded.into_bytes()));
        // What is base64 of a longer text holds this, wherever the secret stands in it.
        for shift in 0..3 {
            let shifted = [&vec![0_u8; shift], secret.as_bytes()].concat();
            for engine in [&STANDARD, &URL_SAFE] {
                let text = engine.encode(&shifted);
                let whole = shifted.len() / 3 * 4;
                let first = if shift == 0 { 0 } else { 4 };
                forms.push(("in base64", text.as_bytes()[first..whole].to_vec()));
            }
        }
        forms.sort();
        forms.dedup();
        let search = AhoCorasick::new(forms.iter().map(|(_, form)| form))?;
        Ok(Self { name, forms, search })
    }

    /// How the secret occurs in a text, if it does.
    pub(crate) fn form_in(&self, text: &[u8]) -> Option<&'static str> {
        self.search.find(text).map(|found| self.forms[found.pattern()].0)
    }
}
