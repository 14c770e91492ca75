//! The names of plugin files: `NAME.wasm` or `NAME@VERSION.wasm`, and which of two versions is the higher one.
//!
//! The order is that of Semantic Versioning. Only names are looked at here; a version that a plugin says of itself orders nothing.

use std::cmp::Ordering;
use std::path::Path;

/// What the name of a plugin's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// The plugin.
    pub(super) name: String,
    /// Its version, where the name has one.
    pub(super) version: Option<Version>,
}

/// A version, as `1.2.0` or `2.0.0-rc.1`.
#[derive(Debug, Clone)]
pub(super) struct Version {
    text: String,
    numbers: [u64; 3],
    /// What stands behind `-`; nothing is the release itself, which is higher.
    before_release: Vec<Part>,
}

/// A part of what stands behind `-`: numbers are lower than words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

impl FileName {
    /// Reads a file's name; the error is a reason.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        let stem = stem(path);
        let Some((name, version)) = stem.split_once('@') else {
            return Ok(Self {
                name: stem,
                version: None,
            });
        };
        if name.is_empty() {
            return Err(format!("its name {stem} has nothing before @"));
        }
        let version = Version::parse(version).ok_or_else(|| {
            format!("its version {version:?} is not one: write NAME@1.2.0.wasm, or NAME@2.0.0-rc.1.wasm")
        })?;
        Ok(Self {
            name: name.to_owned(),
            version: Some(version),
        })
    }
}

/// A file's name without what stands behind the last point.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (version, _build) = text.split_once('+').unwrap_or((text, ""));
        let (release, before_release) = match version.split_once('-') {
            Some((release, rest)) => (release, rest.split('.').map(Part::parse).collect::<Option<_>>()?),
            None => (version, Vec::new()),
        };
        let mut numbers = [0; 3];
        for (i, number) in release.split('.').enumerate() {
            *numbers.get_mut(i)? = number_of(number)?;
        }
        Some(Self {
            text: text.to_owned(),
            numbers,
            before_release,
        })
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Part {
    fn parse(text: &str) -> Option<Self> {
        let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_word.then(|| number_of(text).map_or_else(|| Self::Word(text.to_owned()), Self::Number))
    }
}

fn number_of(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let release = |version: &Self| version.before_release.is_empty();
        (self.numbers.cmp(&other.numbers))
            .then_with(|| release(self).cmp(&release(other)))
            .then_with(|| self.before_release.cmp(&other.before_release))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_semantic_versioning_says() {
        let ordered = [
            "0.9",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-11",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-rc.1",
            "1.0.0",
            "1.2.0",
            "1.10",
            "2",
        ];
        let versions: Vec<Version> = ordered.iter().filter_map(|text| Version::parse(text)).collect();
        assert_eq!(versions.len(), ordered.len());
        for pair in versions.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
        }
        assert_eq!(Version::parse("1.2"), Version::parse("1.2.0+build.7"));
        for wrong in [
            "",
            "1.",
            "a",
            "1.2.3.4",
            "1.-2",
            "1.2-",
            "1.2-a..b",
            "v1",
            "1 ",
            "99999999999999999999",
        ] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_have_a_version_behind_the_at_sign() {
        let of = |path: &str| FileName::of(Path::new(path));
        let plain = of("plugins/risk.wasm").map(|name| (name.name, name.version));
        assert_eq!(plain, Ok(("risk".to_owned(), None)));
        let version = of("plugins/risk@1.2.0.wasm").map(|name| (name.name, name.version.map(|v| v.text().to_owned())));
        assert_eq!(version, Ok(("risk".to_owned(), Some("1.2.0".to_owned()))));
        for wrong in ["risk@.wasm", "@1.0.wasm", "risk@new.wasm", "risk@1@2.wasm"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
