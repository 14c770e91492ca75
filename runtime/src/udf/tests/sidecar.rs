//! Plugins on the terms of their sidecars: pinned, limited, under other names.

use super::*;

fn names(registry: &Registry) -> Vec<String> {
    registry.functions().into_iter().map(|function| function.name).collect()
}

fn broken(registry: &Registry, i: usize) -> String {
    registry.plugins()[i].broken.clone().unwrap_or_default()
}

fn two() -> String {
    "(module (func (export \"add\") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
        (func (export \"sub\") (param f64 f64) (result f64) (f64.sub (local.get 0) (local.get 1))))"
        .to_owned()
}

#[test]
fn functions_have_the_names_of_the_sidecar() {
    let dir = directory(&[
        ("a.wat", two().as_bytes()),
        ("a.toml", b"[functions]\nADD = \"plus\"\nsub = false"),
    ]);
    let registry = scan(dir.path());
    assert_eq!(names(&registry), ["plus"]);
    assert!((run(&*registry.scalar("PLUS")[0], 5.0, 3.0) - 8.0).abs() < f64::EPSILON);
    for (sidecar, reason) in [
        (
            "functions.mul = \"m\"",
            "a.toml names a function mul, which it does not have",
        ),
        (
            "functions.add = \"sub\"",
            "as a.toml names them, SUB(DOUBLE, DOUBLE) is there twice",
        ),
    ] {
        std::fs::write(dir.path().join("a.toml"), sidecar).unwrap();
        assert_eq!(broken(&scan(dir.path()), 0), reason);
    }
}

#[test]
fn a_pinned_file_is_the_one_that_was_meant() {
    let dir = directory(&[("a.wat", two().as_bytes())]);
    let plugins = open(&dir);
    let sha256 = plugins.current().plugins()[0].sha256.clone();
    std::fs::write(dir.path().join("a.toml"), format!("sha256 = \"{sha256}\"")).unwrap();
    plugins.rescan().unwrap();
    assert_eq!(plugins.current().plugins()[0].state(), "loaded");
    std::fs::write(dir.path().join("a.wat"), plain("mul", "mul")).unwrap();
    let changes = plugins.rescan().unwrap();
    assert_eq!((changes.len(), changes[0].is_broken), (1, true));
    assert!(
        changes[0].text.contains(&format!("and a.toml asks for {sha256}")),
        "{changes:?}"
    );
    assert_eq!(names(&plugins.current()), ["add", "sub"], "what was pinned goes on");
    let anew = scan(dir.path());
    assert!(broken(&anew, 0).contains("its SHA-256 is "), "{}", broken(&anew, 0));
}

#[test]
fn a_changed_sidecar_loads_the_plugin_anew() {
    let dir = directory(&[("a.wat", two().as_bytes()), ("b.wat", plain("mul", "mul").as_bytes())]);
    let plugins = open(&dir);
    std::fs::write(dir.path().join("a.toml"), "functions.add = \"plus\"").unwrap();
    assert_eq!(texts(&plugins), ["plugin a.wat is replaced: plus, sub"]);
    std::fs::write(dir.path().join("a.toml"), "functions.add = ").unwrap();
    let broken = texts(&plugins);
    assert!(broken[0].contains("its sidecar a.toml: line 1"), "{broken:?}");
    assert_eq!(texts(&plugins), [""; 0], "nothing has changed since");
    assert_eq!(names(&plugins.current()), ["mul", "plus", "sub"]);
    std::fs::remove_file(dir.path().join("a.toml")).unwrap();
    assert_eq!(texts(&plugins), ["plugin a.wat is replaced: add, sub"]);
}

#[test]
fn limits_and_grants_are_those_of_the_sidecar() {
    // Without an end, but for its deadline; recursion without an end, but for its stack.
    let text = "(module (func (export \"loop\") (param i64) (result i64) (loop (br 0)) (unreachable))
        (func $deep (export \"deep\") (param i64) (result i64) (i64.add (i64.const 1) (call $deep (local.get 0)))))";
    let sidecar = b"limits = { call = \"20 ms\", stack = \"64 KiB\" }\ngrants.clock = true";
    let dir = directory(&[("a.wat", text.as_bytes()), ("a.toml", sidecar)]);
    let registry = scan(dir.path());
    let plugin = &registry.plugins()[0];
    assert_eq!(
        (plugin.grants.names(), plugin.state()),
        (vec!["clock"], "loaded, granted clock".to_owned())
    );
    let error = |name: &str| {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        registry.scalar(name)[0]
            .call(&[column], &[false], 1)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error("loop"), "function loop of plugin a met its limit: time 20 ms");
    assert!(error("deep").contains("64 KiB"), "{}", error("deep"));
    assert_eq!(
        registry.functions()[0].volatility,
        Volatility::Volatile,
        "what sees the clock is not constant"
    );
    let memory = directory(&[
        (
            "a.wat",
            b"(module (memory 3) (func (export \"f\") (result i64) (i64.const 1)))".as_slice(),
        ),
        ("a.toml", b"limits.memory = \"128 KiB\""),
    ]);
    assert!(
        broken(&scan(memory.path()), 0).contains("memory 128 KiB"),
        "{}",
        broken(&scan(memory.path()), 0)
    );
}
