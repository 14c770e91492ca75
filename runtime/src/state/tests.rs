//! Epochs of a store: what counts after a start, on memory and on a directory.

use std::collections::BTreeMap;

use super::*;

fn changes(entries: &[(&str, Option<&str>)]) -> Vec<OperatorChanges> {
    let mut changes = Changes::new();
    for (key, value) in entries {
        match value {
            Some(value) => changes.put(key.as_bytes(), value.as_bytes()),
            None => changes.delete(key.as_bytes()),
        }
    }
    vec![OperatorChanges {
        operator: 3,
        shard: 1,
        changes,
    }]
}

fn epoch(number: u64) -> Epoch {
    let position = Position {
        source: 0,
        topic: "t".into(),
        partition: 2,
        next_offset: 10 * i64::try_from(number).unwrap(),
    };
    Epoch {
        number,
        positions: vec![position],
    }
}

fn entries(store: &Store) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    store
        .load(3, 1, &mut |entries| {
            all.extend(entries.iter().map(|(key, value)| (text(key), text(value))));
            Ok(())
        })
        .unwrap();
    all
}

fn expected(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// What a pending epoch is worth is what the log says.
fn pending_epochs_follow_the_log(open: &dyn Fn() -> Store) {
    let mut store = open();
    assert_eq!((store.form(), store.done().number), (None, 0));
    store
        .prepare(epoch(1), changes(&[("a", Some("1")), ("b", Some("1"))]))
        .unwrap();
    store.finish();
    store
        .prepare(epoch(2), changes(&[("a", Some("2")), ("b", None)]))
        .unwrap();
    drop(store);

    let mut store = open();
    assert_eq!((store.done(), store.pending()), (&epoch(1), Some(&epoch(2))));
    store.settle(Some(1)).unwrap();
    assert_eq!(entries(&store), expected(&[("a", "1"), ("b", "1")]));
    store
        .prepare(epoch(2), changes(&[("a", None), ("c", Some("2"))]))
        .unwrap();
    drop(store);

    let mut store = open();
    store.settle(Some(2)).unwrap();
    assert_eq!(entries(&store), expected(&[("b", "1"), ("c", "2")]));
    assert_eq!(store.done(), &epoch(2));
    store.write(epoch(3), changes(&[("d", Some("3"))])).unwrap();
    store.close().unwrap();

    let mut store = open();
    assert_eq!((store.done(), store.pending()), (&epoch(3), None));
    store.settle(None).unwrap();
    assert_eq!(entries(&store), expected(&[("b", "1"), ("c", "2"), ("d", "3")]));
    store.clear().unwrap();
    assert_eq!(entries(&store), expected(&[]));
    assert_eq!(store.done().number, 0);
}

#[test]
fn pending_epochs_follow_the_log_in_memory() {
    let backend = MemoryBackend::default();
    pending_epochs_follow_the_log(&|| Store::in_memory(&backend).unwrap());
}

#[test]
fn pending_epochs_follow_the_log_in_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::Directory(directory.path().join("state"));
    pending_epochs_follow_the_log(&|| Store::open(&location).unwrap());
}

#[test]
fn a_large_epoch_leaves_no_piece_behind() {
    let backend = MemoryBackend::default();
    let mut store = Store::in_memory(&backend).unwrap();
    let big = "x".repeat(700_000);
    let keys = ["a", "b", "c", "d", "e"];
    let large: Vec<_> = keys.iter().map(|key| (*key, Some(&*big))).collect();
    store.prepare(epoch(1), changes(&large)).unwrap();
    store.finish();
    store.prepare(epoch(2), changes(&[("a", Some("2"))])).unwrap();
    let mut store = Store::in_memory(&backend).unwrap();
    store.settle(Some(2)).unwrap();
    let all = entries(&store);
    assert_eq!((all.len(), &*all["a"], all["e"].len()), (5, "2", 700_000));
}

fn the_newer_opening_fences_the_older(open: &dyn Fn() -> Store) {
    let mut older = open();
    older.write(epoch(1), changes(&[("a", Some("1"))])).unwrap();
    let mut newer = open();
    newer.write(epoch(2), changes(&[("a", Some("2"))])).unwrap();
    let error = older.write(epoch(2), changes(&[("a", Some("x"))])).unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
    assert_eq!(entries(&open()), expected(&[("a", "2")]));
}

#[test]
fn the_newer_opening_fences_the_older_in_memory() {
    let backend = MemoryBackend::default();
    the_newer_opening_fences_the_older(&|| Store::in_memory(&backend).unwrap());
}

#[test]
fn the_newer_opening_fences_the_older_in_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::Directory(directory.path().to_owned());
    the_newer_opening_fences_the_older(&|| Store::open(&location).unwrap());
}

#[test]
fn a_store_of_another_version_is_refused() {
    let backend = MemoryBackend::default();
    let mut store = Store::in_memory(&backend).unwrap();
    let form = Form {
        format_version: FORMAT_VERSION + 1,
        program_version: "9".into(),
        application: "a".into(),
        query: "q".into(),
        statement: String::new(),
        shards: 1,
        operators: vec![],
    };
    store.set_form(form).unwrap();
    let error = Store::in_memory(&backend).unwrap_err().to_string();
    assert!(error.contains("remove it"), "{error}");
}

#[test]
fn what_is_removed_begins_anew_and_its_neighbour_stays() {
    let directory = tempfile::tempdir().unwrap();
    let base = Location::Directory(directory.path().to_owned());
    let (gone, stays) = (base.join("Q_1"), base.join("Q_10"));
    for location in [&gone, &stays] {
        let mut store = Store::open(location).unwrap();
        store.write(epoch(1), changes(&[("a", Some("1"))])).unwrap();
        store.close().unwrap();
    }
    Store::remove(&gone).unwrap();
    Store::remove(&gone).unwrap();
    let store = Store::open(&gone).unwrap();
    assert_eq!((store.done().number, entries(&store).len()), (0, 0));
    assert_eq!(entries(&Store::open(&stays).unwrap())["a"], "1");
}
