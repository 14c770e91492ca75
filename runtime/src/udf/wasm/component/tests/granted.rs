//! Components that import what a sidecar can grant.

use super::*;
use crate::udf::terms::{Asset, Grants, Terms};
use crate::udf::wasm::load_on_terms;

/// Loads a component that imports this.
fn importing(import: &str, grants: Grants) -> Result<LoadedPlugin, String> {
    let spec = function("echo", "scalar", &["DOUBLE"], "DOUBLE", "");
    let mut text = Text::new(&[&spec], ECHO);
    text.imports = import;
    let terms = Terms {
        grants,
        assets: vec![Asset {
            name: "model".to_owned(),
            content: b"m".as_slice().into(),
        }]
        .into(),
        ..Terms::of_limits(&Limits::default(), "test.toml".to_owned())
    };
    load_on_terms(&sandbox(), "test", text.build().as_bytes(), true, &terms)
}

#[test]
fn interfaces_are_granted_one_by_one() {
    let all = Grants {
        clock: true,
        random: true,
        log: true,
    };
    let cases = [
        (
            "clock",
            r#"(export "now-ms" (func (result s64)))"#,
            Grants { clock: false, ..all },
        ),
        (
            "random",
            r#"(export "bytes" (func (param "count" u32) (result (list u8))))"#,
            Grants { random: false, ..all },
        ),
        (
            "log",
            r#"(export "line" (func (param "level" u32) (param "text" string)))"#,
            Grants { log: false, ..all },
        ),
    ];
    for (name, exports, without) in cases {
        let import = format!(r#"(import "waterwheel:functions/{name}@1.0.0" (instance {exports}))"#);
        importing(&import, all).unwrap();
        let reason = importing(&import, without).unwrap_err();
        let due = format!(
            "it imports waterwheel:functions/{name}@1.0.0, which its sidecar does not grant: write {name} = true"
        );
        assert!(reason.starts_with(&due), "{reason}");
    }
    let assets = r#"(import "waterwheel:functions/assets@1.0.0" (instance (export "read" (func (param "name" string) (result (option (list u8)))))))"#;
    importing(assets, Grants::default()).unwrap();
    let other = r#"(import "waterwheel:functions/files@1.0.0" (instance (export "read" (func))))"#;
    assert!(importing(other, all).unwrap_err().contains("plugins get no imports"));
    // Of a type that the host's function has not.
    let wrong = r#"(import "waterwheel:functions/clock@1.0.0" (instance (export "now-ms" (func (result string)))))"#;
    let reason = importing(wrong, all).unwrap_err();
    assert!(reason.starts_with("it cannot be linked"), "{reason}");
}
