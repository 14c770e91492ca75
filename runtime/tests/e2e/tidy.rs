//! placeholder until the rules land
use std::path::Path;
use libtest_mimic::Trial;
pub(crate) fn trials(_root: &Path) -> Vec<Trial> { vec![] }
