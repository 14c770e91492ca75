//! Where state is: a directory, or a path in an object store.

use std::fmt;
use std::path::PathBuf;

use super::Error;
use crate::types::Retry;

/// Where state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A path in an object store.
    Url {
        /// Scheme and bucket, as `s3://bucket`.
        root: String,
        /// Path without a slash at its ends.
        path: String,
    },
}

impl Location {
    /// A directory, `file:///...`, or the URL of an object store (`s3://bucket/path`, `memory:///path`).
    ///
    /// # Errors
    /// When the URL has no bucket.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Directory(PathBuf::from(text)));
        };
        if scheme == "file" {
            return Ok(Self::Directory(PathBuf::from(rest)));
        }
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() && scheme != "memory" {
            return Err(Error::Store {
                url: text.to_owned(),
                reason: format!("the URL has no bucket: write {scheme}://BUCKET/PATH"),
                retry: Retry::Never,
            });
        }
        Ok(Self::Url {
            root: format!("{scheme}://{bucket}"),
            path: path.trim_matches('/').to_owned(),
        })
    }

    /// A place below this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Directory(directory) => Self::Directory(directory.join(name)),
            Self::Url { root, path } if path.is_empty() => Self::Url {
                root: root.clone(),
                path: name.to_owned(),
            },
            Self::Url { root, path } => Self::Url {
                root: root.clone(),
                path: format!("{path}/{name}"),
            },
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(f, "{}", directory.display()),
            Self::Url { root, path } => write!(f, "{root}/{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_urls_are_told_apart() {
        let parse = |text| Location::parse(text).unwrap();
        assert_eq!(parse("a/b"), Location::Directory("a/b".into()));
        assert_eq!(parse("file:///a/b"), Location::Directory("/a/b".into()));
        assert_eq!(parse("s3://bucket/a/b/").join("c").to_string(), "s3://bucket/a/b/c");
        assert_eq!(parse("s3://bucket").join("c").to_string(), "s3://bucket/c");
        assert_eq!(parse("a").join("c"), Location::Directory("a/c".into()));
        assert!(
            Location::parse("s3:///a")
                .unwrap_err()
                .to_string()
                .contains("no bucket")
        );
    }
}
