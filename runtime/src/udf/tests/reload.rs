//! Plugins that are added, replaced and removed: versions, the last one that was good, and what is told of it.

use super::*;

/// A plain plugin with the function `f() -> n`.
fn gives(n: i64) -> String {
    format!("(module (func (export \"f\") (result i64) (i64.const {n})))")
}

fn put(dir: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(dir.path().join(name), text).unwrap();
}

fn states(registry: &Registry) -> Vec<(String, String)> {
    registry
        .plugins()
        .iter()
        .map(|plugin| (plugin.file(), plugin.state()))
        .collect()
}

fn f(registry: &Registry) -> i64 {
    call(&*registry.scalar("f")[0])
}

fn call(function: &dyn ScalarFunction) -> i64 {
    function.call(&[], &[], 1).unwrap().as_primitive::<Int64Type>().value(0)
}

#[test]
fn a_rescan_takes_over_what_changed_and_nothing_else() {
    let dir = directory(&[
        ("a.wat", gives(1).as_bytes()),
        ("b.wat", plain("add", "add").as_bytes()),
    ]);
    let plugins = open(&dir);
    assert_eq!(texts(&plugins), [""; 0]);
    let before = plugins.current();
    let running = Arc::clone(&before.scalar("f")[0]);

    put(&dir, "a.wat", &gives(2));
    put(&dir, "c.wat", &plain("sub", "sub"));
    assert_eq!(
        texts(&plugins),
        ["plugin a.wat is replaced: f", "plugin c.wat is loaded: sub"]
    );
    let after = plugins.current();
    assert_eq!(
        (call(&*running), f(&before), f(&after)),
        (1, 1, 2),
        "who runs keeps what it has"
    );
    assert!(
        Arc::ptr_eq(&before.scalar("add")[0], &after.scalar("add")[0]),
        "what is the same is not loaded again"
    );

    std::fs::remove_file(dir.path().join("a.wat")).unwrap();
    assert_eq!(
        texts(&plugins),
        ["plugin a.wat is gone; queries that run keep its functions"]
    );
    assert!(plugins.current().scalar("f").is_empty());
    assert_eq!(call(&*running), 1);
}

#[test]
fn a_broken_file_leaves_the_one_before_in_its_place() {
    let dir = directory(&[("a.wat", gives(1).as_bytes())]);
    let plugins = open(&dir);
    put(&dir, "a.wat", "(module");
    put(&dir, "b.wat", "nothing");
    let told = texts(&plugins);
    assert!(
        told[0].starts_with(
            "plugin a.wat is broken now, and the one before goes on giving its functions: it is not WebAssembly text"
        ),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("plugin b.wat is broken: it is not WebAssembly text"),
        "{told:?}"
    );
    assert_eq!(f(&plugins.current()), 1);
    let shown = states(&plugins.current());
    assert!(
        shown[0]
            .1
            .starts_with("loaded from the file before; that of now is broken: it is not"),
        "{shown:?}"
    );
    assert!(shown[1].1.starts_with("broken: it is not"), "{shown:?}");
    assert_eq!(texts(&plugins), [""; 0], "it is told once");

    put(&dir, "a.wat", &gives(3));
    assert_eq!(texts(&plugins), ["plugin a.wat is replaced: f"]);
    assert_eq!(f(&plugins.current()), 3);
    put(&dir, "a.wat", "(module");
    std::fs::remove_file(dir.path().join("a.wat")).unwrap();
    assert_eq!(
        texts(&plugins),
        ["plugin a.wat is gone; queries that run keep its functions"]
    );
    put(&dir, "a.wat", "(module");
    plugins.rescan().unwrap();
    assert!(
        plugins.current().scalar("f").is_empty(),
        "what was removed does not come back"
    );
}

#[test]
fn the_highest_version_that_can_be_loaded_gives_the_functions() {
    let dir = directory(&[
        ("a@1.9.0.wat", gives(190).as_bytes()),
        ("a@1.10.0.wat", gives(1100).as_bytes()),
        ("a@2.0.0-rc.1.wat", b"(module"),
        ("a.wat", gives(0).as_bytes()),
        ("a@new.wat", gives(5).as_bytes()),
    ]);
    let plugins = open(&dir);
    let registry = plugins.current();
    assert_eq!(f(&registry), 1100);
    let shown = states(&registry);
    let expected = [
        ("a.wat", "superseded by 1.10.0"),
        ("a@1.10.0.wat", "loaded"),
        ("a@1.9.0.wat", "superseded by 1.10.0"),
        ("a@2.0.0-rc.1.wat", "broken: it is not WebAssembly text"),
        ("a@new.wat", "broken: its version \"new\" is not one"),
    ];
    for ((file, state), (name, beginning)) in shown.iter().zip(expected) {
        assert_eq!(file, name);
        assert!(state.starts_with(beginning), "{file}: {state}");
    }
    assert_eq!(registry.functions().len(), 1);
    assert_eq!(registry.functions()[0].plugin, "a@1.10.0");
    let info = &registry.plugins()[1];
    assert_eq!(
        (info.name.as_str(), info.version.as_deref(), info.functions),
        ("a", Some("1.10.0"), 1)
    );

    put(&dir, "a@2.0.0-rc.1.wat", &gives(200));
    plugins.rescan().unwrap();
    assert_eq!(f(&plugins.current()), 200);
    std::fs::remove_file(dir.path().join("a@2.0.0-rc.1.wat")).unwrap();
    std::fs::remove_file(dir.path().join("a@1.10.0.wat")).unwrap();
    plugins.rescan().unwrap();
    assert_eq!(f(&plugins.current()), 190, "the version before is there again");
}

#[test]
fn a_plugin_whose_functions_another_gives_is_shadowed() {
    let dir = directory(&[("a.wat", gives(1).as_bytes()), ("b.wat", gives(2).as_bytes())]);
    let plugins = open(&dir);
    let state = &states(&plugins.current())[1].1;
    assert!(
        state.starts_with("shadowed, without F(): shadowed by the same function of plugin a"),
        "{state}"
    );
}

#[test]
fn a_directory_that_is_gone_takes_nothing_away() {
    let dir = directory(&[("a.wat", gives(1).as_bytes())]);
    let plugins = open(&dir);
    std::fs::remove_dir_all(dir.path()).unwrap();
    assert!(plugins.rescan().is_err());
    assert_eq!(f(&plugins.current()), 1);
}
