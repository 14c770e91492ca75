//! What saved state looks like, in words in which the state versions of plugins' functions stand as numbers.
//!
//! Words must be what they were for state to be read back. A version need not: a newer version of a plugin may read what an older one saved. State that was
//! saved before versions stood in the words is taken for readable; its entries carry their versions, too, and are refused one by one.

use crate::udf::{AggregateFunction, FunctionInfo, StreamFunction};

/// What stands before a version.
const MARK: &str = " in format ";

/// Which formats of state a function of a plugin writes and reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginState {
    /// `total of plugin sums 1.2.0`.
    function: String,
    /// What it writes.
    version: u32,
    /// Older ones that it reads.
    older: Vec<u32>,
}

impl PluginState {
    /// The state of a stream function.
    #[must_use]
    pub fn of_stream(function: &dyn StreamFunction) -> Self {
        Self::of(
            function.info(),
            function.state_version(),
            function.older_state_versions(),
        )
    }

    /// The state of an aggregate function.
    #[must_use]
    pub fn of_aggregate(function: &dyn AggregateFunction) -> Self {
        Self::of(
            function.info(),
            function.state_version(),
            function.older_state_versions(),
        )
    }

    fn of(info: &FunctionInfo, version: u32, older: &[u32]) -> Self {
        Self {
            function: format!("{} of plugin {}", info.name, info.plugin_and_version()),
            version,
            older: older.to_vec(),
        }
    }

    fn reads(&self, version: u32) -> bool {
        version == self.version || self.older.contains(&version)
    }

    /// Why it does not read what was saved in format `saved`, and what to do.
    fn refusal(&self, saved: u32) -> String {
        let Self {
            function,
            version,
            older,
        } = self;
        let all: Vec<String> = older.iter().chain([version]).map(u32::to_string).collect();
        let reads = match all.as_slice() {
            [one] => format!("format {one} alone"),
            all => format!("the formats {}", all.join(", ")),
        };
        format!(
            "the state was saved in format {saved}, and {function} reads {reads}: use a version of the plugin that reads format {saved} \
             (`reads_state_versions` in its manifest)"
        )
    }
}

/// What the state of an operator looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateForm {
    /// Words, each with the function whose version stands behind them.
    parts: Vec<(String, PluginState)>,
    /// The words behind the last version.
    rest: String,
}

impl StateForm {
    /// Adds words.
    pub fn words(&mut self, words: &str) {
        self.rest.push_str(words);
    }

    /// Adds the version of a function, where it is a plugin's.
    pub fn version(&mut self, state: Option<PluginState>) {
        if let Some(state) = state {
            self.parts.push((std::mem::take(&mut self.rest), state));
        }
    }

    /// All of it as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (words, state) in &self.parts {
            text.push_str(words);
            text.push_str(MARK);
            text.push_str(&state.version.to_string());
        }
        text.push_str(&self.rest);
        text
    }

    /// Why state that was saved as `saved` cannot be read; `None` where it can.
    #[must_use]
    pub fn difference(&self, saved: &str) -> Option<String> {
        match self.refusals(saved) {
            Some(refusals) => refusals.into_iter().next(),
            None => Some(differs(saved, &self.text())),
        }
    }

    /// What the functions say of the formats of `saved` that they do not read; `None` where the words differ.
    fn refusals(&self, mut saved: &str) -> Option<Vec<String>> {
        let mut refusals = Vec::new();
        for (words, state) in &self.parts {
            saved = saved.strip_prefix(words.as_str())?;
            let Some(behind) = saved.strip_prefix(MARK) else {
                continue;
            };
            let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
            let version = behind[..end].parse().ok()?;
            saved = &behind[end..];
            if !state.reads(version) {
                refusals.push(state.refusal(version));
            }
        }
        (saved == self.rest).then_some(refusals)
    }
}

/// Says that state was another.
pub(super) fn differs(saved: &str, now: &str) -> String {
    format!("it was `{saved}`, it is `{now}` now")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(version: u32, older: &[u32]) -> PluginState {
        PluginState {
            function: "f of plugin p 2.0.0".into(),
            version,
            older: older.to_vec(),
        }
    }

    fn form(first: PluginState, second: PluginState) -> StateForm {
        let mut form = StateForm::default();
        form.words("functions 1: f(x)");
        form.version(Some(first));
        form.words(", max(y)");
        form.version(None);
        form.words(", g(z)");
        form.version(Some(second));
        form
    }

    #[test]
    fn versions_stand_in_the_words() {
        let form = form(state(3, &[]), state(1, &[]));
        assert_eq!(form.text(), "functions 1: f(x) in format 3, max(y), g(z) in format 1");
        assert_eq!(form.difference(&form.text()), None);
    }

    #[test]
    fn an_older_format_is_read_where_the_function_says_so() {
        let saved = form(state(2, &[]), state(12, &[])).text();
        assert_eq!(form(state(3, &[1, 2]), state(13, &[12])).difference(&saved), None);
        let refused = form(state(3, &[1]), state(12, &[])).difference(&saved).unwrap();
        assert!(
            refused.starts_with("the state was saved in format 2, and f of plugin p 2.0.0 reads the formats 1, 3:"),
            "{refused}"
        );
        let refused = form(state(2, &[]), state(1, &[])).difference(&saved).unwrap();
        assert!(refused.contains("reads format 1 alone"), "{refused}");
    }

    #[test]
    fn other_words_are_refused_whatever_the_versions() {
        let now = form(state(3, &[]), state(1, &[]));
        for saved in [
            "functions 1: f(x) in format 3, max(y), h(z) in format 1",
            "functions 1: f(x) in format 3, max(y), g(z) in format 1, max(y)",
            "functions 1: f(x) in format 99999999999, max(y), g(z)",
            "",
        ] {
            let refused = now.difference(saved).unwrap();
            assert!(refused.starts_with(&format!("it was `{saved}`")), "{refused}");
        }
    }

    #[test]
    fn state_from_before_versions_were_written_down_is_let_through() {
        let now = form(state(3, &[]), state(1, &[]));
        assert_eq!(now.difference("functions 1: f(x), max(y), g(z)"), None);
    }
}
