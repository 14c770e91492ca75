//! placeholder until the rules land
use libtest_mimic::Trial;
use std::path::Path;
pub(crate) fn trials(_root: &Path) -> Vec<Trial> {
    vec![]
}
