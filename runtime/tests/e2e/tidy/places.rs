//! Nothing names a place that only some machine has: directories of its users, mirrors of package registries.

use super::tree::{Tree, line_of};

/// Directories of a machine. Put together here, as this file is looked at, too.
const DIRECTORIES: [&str; 4] = [
    concat!("/", "root/"),
    concat!("/", "home/"),
    concat!("/", "work/"),
    concat!("/", "Users/"),
];

/// Hosts of package registries: the clients know where to ask, and elsewhere that is another place.
const HOSTS: [&str; 11] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("pypi", ".org"),
    concat!("files.", "pythonhosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("repo1.", "maven.org"),
    concat!("repo.", "maven.apache.org"),
    concat!("proxy.", "golang.org"),
    concat!("sum.", "golang.org"),
    concat!("deb.", "debian.org"),
    concat!("arti", "factory"),
];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in tree.texts() {
        let directories = DIRECTORIES.iter().flat_map(|directory| text.match_indices(directory));
        // A longer path that holds such a part is another matter: `https://example.com/home/`, `network/work/`.
        let directories = directories.filter(|(at, _)| begins_path(&text[..*at]));
        for (at, found) in directories {
            let problem =
                format!("{found} is a place of one machine: use a relative path, $HOME or a temporary directory");
            problems.push(format!("{path}:{}: {problem}", line_of(text, at)));
        }
        for (at, host) in HOSTS.iter().flat_map(|host| text.match_indices(host)) {
            let problem = format!("{host} is a registry's host: let the package's client know it");
            problems.push(format!("{path}:{}: {problem}", line_of(text, at)));
        }
    }
    problems
}

/// Whether a slash after this text begins an absolute path.
fn begins_path(before: &str) -> bool {
    before
        .chars()
        .next_back()
        .is_none_or(|c| !(c.is_alphanumeric() || "._-/~}*".contains(c)))
}
