//! What is in the folder of each language: the SDK and its example as they are in `udf-sdk`, and the files of
//! `udf-sdk/template`, in which the plugin's name is put.

use super::{File, rust_sdk};
use crate::cli::udf::UdfLanguage;

/// The texts of files of `udf-sdk`, each with its path.
macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../udf-sdk/", $path)))),*]
    };
}
pub(super) use embedded;

/// Path in the folder, and text.
type Entry = (&'static str, &'static str);

macro_rules! text {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../udf-sdk/", $path))
    };
}

/// What only one language has.
struct Template {
    /// As people write it.
    language: &'static str,
    /// The file with the functions.
    source: &'static str,
    /// Where the SDK is.
    sdk: &'static str,
    /// What must be installed; Markdown.
    install: &'static str,
    /// What git does not keep, beside the plugins.
    ignored: &'static str,
    /// Files in which the name is put.
    own: &'static [Entry],
    /// Files that are copied: SDK and example.
    copied: &'static [Entry],
}

const RUST: Template = Template {
    language: "Rust",
    source: "src/lib.rs",
    sdk: "`sdk/`",
    install: text!("template/rust/install.md"),
    ignored: "/target\n/sdk/target\n",
    own: &[
        ("Cargo.toml", text!("template/rust/Cargo.toml")),
        ("build", text!("template/rust/build")),
    ],
    copied: &[
        (".cargo/config.toml", text!("template/rust/config.toml")),
        ("src/lib.rs", text!("rust/example/src/lib.rs")),
    ],
};

const C: Template = Template {
    language: "C",
    source: "functions.c",
    sdk: "`waterwheel.h`",
    install: text!("template/c/install.md"),
    ignored: "",
    own: &[("build", text!("template/c/build"))],
    copied: &[
        ("functions.c", text!("c/example/trades.c")),
        ("waterwheel.h", text!("c/waterwheel.h")),
    ],
};

const ZIG: Template = Template {
    language: "Zig",
    source: "functions.zig",
    sdk: "`waterwheel.zig`",
    install: text!("template/zig/install.md"),
    ignored: "/.venv\n/.zig-cache\n",
    own: &[("build", text!("template/zig/build"))],
    copied: &[
        ("functions.zig", text!("zig/example/trades.zig")),
        ("waterwheel.zig", text!("zig/waterwheel.zig")),
    ],
};

const ASSEMBLYSCRIPT: Template = Template {
    language: "AssemblyScript",
    source: "src/functions.ts",
    sdk: "`waterwheel.ts`",
    install: text!("template/assemblyscript/install.md"),
    ignored: "/node_modules\n",
    own: &[
        ("build", text!("template/assemblyscript/build")),
        ("package.json", text!("template/assemblyscript/package.json")),
    ],
    copied: &[
        ("tsconfig.json", text!("template/assemblyscript/tsconfig.json")),
        ("src/functions.ts", text!("assemblyscript/example/trades.ts")),
        ("waterwheel.ts", text!("assemblyscript/waterwheel.ts")),
    ],
};

const GO: Template = Template {
    language: "Go",
    source: "functions.go",
    sdk: "`sdk/`",
    install: text!("template/go/install.md"),
    ignored: "/waterwheel_exports.go\n",
    own: &[
        ("build", text!("template/go/build")),
        ("go.mod", text!("template/go/go.mod")),
    ],
    copied: &[
        ("functions.go", text!("go/example/trades.go")),
        ("sdk/go.mod", text!("go/go.mod")),
        ("sdk/columns.go", text!("go/columns.go")),
        ("sdk/host.go", text!("go/host.go")),
        ("sdk/host_machine.go", text!("go/host_machine.go")),
        ("sdk/host_wasm.go", text!("go/host_wasm.go")),
        ("sdk/nested.go", text!("go/nested.go")),
        ("sdk/plugin.go", text!("go/plugin.go")),
        ("sdk/state.go", text!("go/state.go")),
        ("sdk/generate/main.go", text!("go/generate/main.go")),
    ],
};

const PYTHON: Template = Template {
    language: "Python",
    source: "functions.py",
    sdk: "`sdk/`",
    install: text!("template/python/install.md"),
    ignored: "/.venv\n__pycache__/\n",
    own: &[("build", text!("template/python/build"))],
    copied: &[
        ("functions.py", text!("python/example/trades.py")),
        ("sdk/python/build.py", text!("python/build.py")),
        ("sdk/python/waterwheel.py", text!("python/waterwheel.py")),
        ("sdk/wit/functions.wit", text!("wit/functions.wit")),
    ],
};

const JAVASCRIPT: Template = Template {
    language: "JavaScript",
    source: "functions.js",
    sdk: "`sdk/`",
    install: text!("template/javascript/install.md"),
    ignored: "/node_modules\n",
    own: &[
        ("build", text!("template/javascript/build")),
        ("package.json", text!("template/javascript/package.json")),
    ],
    copied: &[
        ("functions.js", text!("javascript/example/trades.js")),
        ("sdk/javascript/build.mjs", text!("javascript/build.mjs")),
        ("sdk/javascript/waterwheel.js", text!("javascript/waterwheel.js")),
        ("sdk/wit/functions.wit", text!("wit/functions.wit")),
    ],
};

/// The files of a folder.
pub(super) fn files(language: UdfLanguage, name: &str) -> Vec<File> {
    let template = match language {
        UdfLanguage::Rust => RUST,
        UdfLanguage::C => C,
        UdfLanguage::Zig => ZIG,
        UdfLanguage::AssemblyScript => ASSEMBLYSCRIPT,
        UdfLanguage::Go => GO,
        UdfLanguage::Python => PYTHON,
        UdfLanguage::JavaScript => JAVASCRIPT,
    };
    let readme = text!("template/README.md")
        .replace("@LANGUAGE@", template.language)
        .replace("@SOURCE@", template.source)
        .replace("@SDK@", template.sdk)
        .replace("@INSTALL@", template.install.trim_end());
    let mut files = vec![
        file("README.md", &readme.replace("@NAME@", name)),
        file("pipeline.sql", &text!("template/pipeline.sql").replace("@NAME@", name)),
        file("tests/trades.json", text!("conformance/vectors-examples/trades.json")),
        file(".gitignore", &format!("/plugins\n{}", template.ignored)),
    ];
    files.extend((template.own.iter()).map(|(path, text)| file(path, &text.replace("@NAME@", name))));
    files.extend(template.copied.iter().map(|(path, text)| file(path, text)));
    if language == UdfLanguage::Rust {
        files.extend(rust_sdk::FILES.iter().map(|(path, text)| {
            let text = match *path {
                "rust/Cargo.toml" => &without_members(text),
                _ => *text,
            };
            file(&path.replacen("rust/", "sdk/", 1), &without_tests(text))
        }));
    }
    files
}

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
        is_program: path == "build",
    }
}

/// The manifest of the SDK without the members of its workspace that are tests and examples.
fn without_members(manifest: &str) -> String {
    let is_kept = |line: &&str| !line.starts_with("default-members") && !line.starts_with("# `cargo test`");
    let lines = manifest.lines().filter(is_kept).map(|line| match line {
        line if line.starts_with("members") => "members = [\"macros\"]",
        line => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A source without the declaration of its tests, which are not copied.
fn without_tests(source: &str) -> String {
    source.replace("#[cfg(test)]\nmod tests;\n", "")
}
