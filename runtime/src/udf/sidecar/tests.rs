//! What a sidecar may say, and what becomes of one that is wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use super::*;

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn of(directory: &tempfile::TempDir, plugin: &str) -> Result<Sidecar, String> {
    Sidecar::of(&directory.path().join(plugin), &Limits::default()).map_err(|(reason, _)| reason)
}

fn reason(text: &str) -> String {
    of(&directory(&[("risk.toml", text)]), "risk.wasm").unwrap_err()
}

#[test]
fn without_one_the_terms_are_the_registrys() {
    let sidecar = of(&directory(&[("other.toml", "nonsense")]), "risk.wasm").unwrap();
    assert_eq!(
        sidecar.terms,
        Terms::of_limits(&Limits::default(), "risk.toml".to_owned())
    );
    assert_eq!(sidecar.content, "");
}

#[test]
fn every_key_is_read() {
    let text = r#"
        sha256 = "AA95D1C7A1E5F6D0B6E2A7C8D9E0F1A2B3C4D5E6F708192A3B4C5D6E7F8091A2"
        [limits]
        memory = "32 MiB"
        stack = "256 KiB"
        result = 1000000
        state = "2GiB"
        call = "2 s"
        start = 300
        [grants]
        clock = true
        log = true
        [assets]
        model = "model.json"
        [functions]
        risk_score = "risk"
        diff = false
    "#;
    let directory = directory(&[("risk.toml", text), ("model.json", "{}")]);
    let sidecar = of(&directory, "risk.wasm").unwrap();
    let limits = &sidecar.terms.limits;
    assert_eq!((limits.memory_bytes, limits.runtime_memory_bytes), (32 << 20, 32 << 20));
    assert_eq!((limits.stack_bytes, limits.result_bytes), (256 << 10, 1_000_000));
    assert_eq!(
        (limits.state_bytes, limits.call_ms, limits.start_ms),
        (2 << 30, 2_000, 300)
    );
    assert_eq!(sidecar.terms.grants.names(), ["clock", "log"]);
    assert_eq!(sidecar.terms.assets.len(), 1);
    assert_eq!(
        (sidecar.terms.assets[0].name.as_str(), &*sidecar.terms.assets[0].content),
        ("model", &b"{}"[..])
    );
    let renamings = [
        ("diff".to_owned(), Renaming::Hidden),
        ("risk_score".to_owned(), Renaming::As("risk".to_owned())),
    ];
    assert_eq!(sidecar.terms.renamings, renamings);
    let right = "aa95d1c7a1e5f6d0b6e2a7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2";
    assert_eq!(sidecar.check_hash(right), Ok(()));
    let wrong = sidecar.check_hash("00").unwrap_err();
    assert_eq!(wrong, format!("its SHA-256 is 00, and risk.toml asks for {right}"));
}

#[test]
fn a_version_has_its_own_or_that_of_the_plugin() {
    let directory = directory(&[
        ("risk.toml", "limits.memory = \"1 MiB\""),
        ("risk@2.0.toml", "limits.memory = \"2 MiB\""),
    ]);
    let memory = |plugin| of(&directory, plugin).unwrap().terms.limits.memory_bytes;
    assert_eq!(
        (memory("risk@1.0.wasm"), memory("risk@2.0.wasm"), memory("risk.wat")),
        (1 << 20, 2 << 20, 1 << 20)
    );
}

#[test]
fn content_differs_with_the_sidecar_and_its_assets() {
    let files = directory(&[("risk.toml", "assets.model = \"model\""), ("model", "1")]);
    let first = of(&files, "risk.wasm").unwrap().content;
    assert_eq!(of(&files, "risk.wasm").unwrap().content, first);
    std::fs::write(files.path().join("model"), "2").unwrap();
    let second = of(&files, "risk.wasm").unwrap().content;
    assert_ne!(first, second);
    std::fs::write(files.path().join("risk.toml"), "assets.other = \"model\"").unwrap();
    assert_ne!(of(&files, "risk.wasm").unwrap().content, second);
}

#[test]
fn wrong_ones_say_where() {
    assert_eq!(
        reason("limits.memory = \"1 MiB\"\nlimits.memroy = 5"),
        "its sidecar risk.toml: line 2: unknown field `memroy`, expected one of `memory`, `stack`, `result`, `state`, `call`, `start`"
    );
    assert!(reason("[grants]\nnetwork = true").contains("line 2: unknown field `network`"));
    assert!(reason("[grants\n").starts_with("its sidecar risk.toml: line 1: "));
    for wrong in ["0", "-1", "\"5 MB\"", "\"MiB\"", "1.5", "\"99999999999 GiB\"", "true"] {
        let reason = reason(&format!("limits.memory = {wrong}"));
        assert!(
            reason.contains("a number above 0, or a text such as \"10 MiB\""),
            "{wrong}: {reason}"
        );
    }
    assert_eq!(
        reason("limits.memory = \"5 GiB\""),
        "its sidecar risk.toml: limits.memory is more than 4 GiB"
    );
    assert_eq!(
        reason("limits.stack = \"2 MiB\""),
        "its sidecar risk.toml: limits.stack is more than 1 MiB"
    );
    assert_eq!(
        reason("limits.call = \"1000 s\""),
        "its sidecar risk.toml: limits.call is more than 600 s"
    );
    assert_eq!(
        reason("sha256 = \"12\""),
        "its sidecar risk.toml: sha256 is not 64 hexadecimal digits"
    );
    assert!(reason("functions.f = \"a b\"").contains("\"a b\", which is not a SQL identifier"));
    assert!(reason("functions.f = true").contains("a new name in quotes, or false"));
    let long = "#".repeat(ceilings::PLUGIN_SIDECAR_BYTES_MAX + 1);
    assert!(reason(&long).contains("larger than its limit of 64 KiB"));
}

#[test]
fn assets_lie_in_the_directory_of_the_plugin() {
    let outside = directory(&[("secret", "s")]);
    let files = directory(&[]);
    std::os::unix::fs::symlink(outside.path().join("secret"), files.path().join("link")).unwrap();
    std::fs::create_dir(files.path().join("models")).unwrap();
    std::fs::write(files.path().join("models/small"), "m").unwrap();
    let of = |path: &str| {
        std::fs::write(files.path().join("risk.toml"), format!("assets.a = {path:?}")).unwrap();
        of(&files, "risk.wasm").map(|sidecar| sidecar.terms.assets[0].content.to_vec())
    };
    assert_eq!(of("models/small"), Ok(b"m".to_vec()));
    let secret = outside.path().join("secret");
    for wrong in [
        "../secret",
        secret.to_str().unwrap(),
        "link",
        "models",
        "",
        "./models/../../secret",
    ] {
        let reason = of(wrong).unwrap_err();
        assert!(
            reason.contains("is not a file in the directory of the plugin"),
            "{wrong}: {reason}"
        );
    }
    assert!(of("none").unwrap_err().contains("assets.a: none cannot be opened"));
}
