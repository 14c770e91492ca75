//! Entries that are there, that are gone, and that somebody has been at; then whole plugins through the cache.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::Float64Type;
use std::sync::Arc;

use super::*;
use crate::udf::{FunctionSource, Limits, Registry};

const KEY: Key = [7; 32];

fn cache(directory: &Path) -> CodeCache {
    CodeCache::new(directory.to_owned())
}

/// The content of the file that is found.
fn found(cache: &CodeCache, key: &Key) -> Option<Vec<u8>> {
    let mut content = std::fs::read(cache.get(key)?).unwrap();
    content.truncate(content.len() - TRAILER_BYTES);
    Some(content)
}

fn only_file(directory: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(directory).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "one file");
    file
}

#[test]
fn what_was_put_is_found_also_by_another_process() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("cache/waterwheel/code");
    let first = cache(&directory);
    assert_eq!(first.get(&KEY), None);
    first.put(&KEY, b"code");
    assert_eq!(found(&first, &KEY).as_deref(), Some(&b"code"[..]));
    assert_eq!(found(&cache(&directory), &KEY).as_deref(), Some(&b"code"[..]));
    assert_eq!(first.get(&[8; 32]), None);
    let counts = CodeCacheCounts {
        found: 1,
        missing: 2,
        written: 1,
        ..CodeCacheCounts::default()
    };
    assert_eq!(first.counts(), counts);
    assert_eq!(
        directory.metadata().unwrap().mode() & 0o777,
        0o700,
        "for its owner alone"
    );
    assert_eq!(only_file(&directory).metadata().unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_changed_file_is_refused_and_replaced() {
    let changes: [(&str, fn(&mut Vec<u8>)); 7] = [
        ("empty", |file| file.clear()),
        ("cut off in its trailer", |file| file.truncate(40)),
        ("cut off at its end", |file| file.truncate(file.len() - 1)),
        ("longer", |file| file.push(0)),
        ("of another layout", |file| file[4 + 15] = b'1'),
        ("under another key", |file| file[4 + 16] ^= 1),
        ("with a wrong checksum", |file| file[4 + 48] ^= 1),
    ];
    for (what, change) in changes {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        cache.put(&KEY, b"code");
        let path = only_file(directory.path());
        let mut file = std::fs::read(&path).unwrap();
        change(&mut file);
        std::fs::write(&path, file).unwrap();
        assert_eq!(cache.get(&KEY), None, "{what}");
        assert_eq!(cache.counts().refused, 1, "{what}");
        cache.put(&KEY, b"code");
        assert_eq!(found(&cache, &KEY).as_deref(), Some(&b"code"[..]), "{what}");
    }
}

#[test]
fn every_flipped_bit_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path());
    cache.put(&KEY, b"code");
    let path = only_file(directory.path());
    let good = std::fs::read(&path).unwrap();
    for bit in 0..good.len() * 8 {
        let mut file = good.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, file).unwrap();
        assert_eq!(cache.get(&KEY), None, "bit {bit}");
    }
}

#[test]
fn what_others_could_have_written_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path());
    cache.put(&KEY, b"code");
    let path = only_file(directory.path());
    std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    assert_eq!(cache.get(&KEY), None, "a file that all may write to");
    cache.put(&KEY, b"code");
    let elsewhere = directory.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert_eq!(cache.get(&KEY), None, "a link");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(cache.get(&KEY), None, "a directory");
    assert_eq!(cache.counts().refused, 3);
}

#[test]
fn a_directory_that_others_may_write_to_is_no_cache() {
    let directory = tempfile::tempdir().unwrap();
    cache(directory.path()).put(&KEY, b"code");
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let open = cache(directory.path());
    assert_eq!(open.get(&KEY), None);
    open.put(&[8; 32], b"code");
    assert_eq!(open.counts(), CodeCacheCounts::default());
    let no_directory = directory.path().join("file");
    std::fs::write(&no_directory, b"").unwrap();
    let none = cache(&no_directory);
    none.put(&KEY, b"code");
    assert_eq!(none.get(&KEY), None);
}

#[test]
fn what_was_not_used_for_longest_makes_room() {
    let directory = tempfile::tempdir().unwrap();
    let entry = TRAILER_BYTES as u64 + 100;
    let cache = CodeCache::of_size(directory.path().to_owned(), 3 * entry);
    let other = directory.path().join("letter.txt");
    std::fs::write(&other, [0; 1000]).unwrap();
    for n in 0..3 {
        cache.put(&[n; 32], &[n; 100]);
        let file = File::open(cache.path(&[n; 32])).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(u64::from(n)))
            .unwrap();
    }
    // Its use makes the oldest the newest.
    assert!(cache.get(&[0; 32]).is_some());
    cache.put(&[3; 32], &[3; 100]);
    let there = |n: u8| cache.path(&[n; 32]).exists();
    assert_eq!([there(0), there(1), there(2), there(3)], [true, false, true, true]);
    assert_eq!(cache.counts().removed, 1);
    cache.put(&[4; 32], &[4; 1000]);
    assert!(!there(4), "larger than the whole cache");
    assert!(other.exists(), "what is not the cache's stays");
}

/// A plain plugin, whose loops are compiled too.
fn plugins() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let add = "(module (func (export \"add\") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1))))";
    std::fs::write(directory.path().join("add.wat"), add).unwrap();
    directory
}

fn scan(plugins: &Path, cache: &Path) -> Registry {
    Registry::new(Limits::default())
        .unwrap()
        .with_code_cache(&CodeCachePlace::Directory(cache.to_owned()))
        .with_directory(plugins)
        .unwrap()
}

fn sum(registry: &Registry) -> f64 {
    let column = |x| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
    let add = registry.scalar("add").remove(0);
    let sum = add.call(&[column(1.0), column(2.0)], &[false, false], 1).unwrap();
    sum.as_primitive::<Float64Type>().value(0)
}

#[test]
fn a_plugin_is_compiled_once() {
    let (plugins, cache) = (plugins(), tempfile::tempdir().unwrap());
    let counts = |registry: &Registry| registry.code_cache().unwrap();
    let cold = scan(plugins.path(), cache.path());
    assert_eq!(sum(&cold), 3.0);
    assert_eq!(
        (counts(&cold).found, counts(&cold).written),
        (0, 2),
        "the module and its loops"
    );
    let warm = scan(plugins.path(), cache.path());
    assert_eq!(sum(&warm), 3.0);
    assert_eq!((counts(&warm).found, counts(&warm).missing), (2, 0));
    let off = Registry::scan(plugins.path(), Limits::default()).unwrap();
    assert_eq!(off.code_cache(), None);
}

/// Takes each entry, gives what `change` makes of its content with a right trailer, and proves that the plugin works.
fn survives(what: &str, change: impl Fn(&mut Vec<u8>)) {
    let (plugins, directory) = (plugins(), tempfile::tempdir().unwrap());
    scan(plugins.path(), directory.path());
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let file = std::fs::read(&path).unwrap();
        let (content, trailer) = file.split_at(file.len() - TRAILER_BYTES);
        let key: Key = trailer[16..48].try_into().unwrap();
        let mut content = content.to_vec();
        change(&mut content);
        cache(directory.path()).put(&key, &content);
    }
    let registry = scan(plugins.path(), directory.path());
    assert_eq!(sum(&registry), 3.0, "{what}");
    assert_eq!(registry.code_cache().unwrap().refused, 2, "{what}");
    assert_eq!(registry.code_cache().unwrap().written, 2, "{what}");
}

#[test]
fn code_that_wasmtime_refuses_is_compiled_anew() {
    survives("nothing", Vec::clear);
    survives("not code", |content| *content = b"not code".to_vec());
    survives("half of it", |content| content.truncate(content.len() / 2));
    survives("of another version of Wasmtime", |content| {
        // What Wasmtime looks at first begins with a zero, the length of the version's text, and that text.
        let section = [0, 2, b'4', b'8'];
        let at = content.windows(4).position(|bytes| bytes == section).unwrap();
        content[at + 3] = b'7';
    });
}

#[test]
fn two_processes_at_once_harm_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let cache = CodeCache::of_size(directory.path().to_owned(), 20_000);
            scope.spawn(move || {
                for n in 0..100_u8 {
                    let key = [n % 16; 32];
                    if let Some(file) = cache.get(&key) {
                        // Another may have removed it to make room.
                        if let Ok(content) = std::fs::read(file) {
                            assert_eq!(content[..2_000], [n % 16; 2_000]);
                        }
                    } else {
                        cache.put(&key, &vec![n % 16; 2_000]);
                    }
                    assert_eq!(cache.counts().refused, 0, "writer {writer}");
                }
            });
        }
    });
}
