//! Compiled code: from the cache where it is there, else made now and kept.
//!
//! The one file of the sandbox with `unsafe`: code that Wasmtime takes back is run as it is.
#![expect(
    unsafe_code,
    reason = "Wasmtime cannot see whether compiled code is what it once made; see the safety comments"
)]

use std::hash::{Hash, Hasher};
use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use super::engine::Sandbox;
use crate::udf::code_cache::Key;

/// What Wasmtime compiles.
pub(super) trait Artifact: Sized {
    /// Sets the keys of one kind apart from those of the other.
    const KIND: &'static [u8];

    fn compile(engine: &Engine, binary: &[u8]) -> wasmtime::Result<Self>;

    fn serialize(&self) -> wasmtime::Result<Vec<u8>>;

    /// Maps the file.
    ///
    /// # Safety
    /// It must begin with what `serialize` gave, in this version of Wasmtime or another, and stay as it is.
    unsafe fn deserialize_file(engine: &Engine, file: &Path) -> wasmtime::Result<Self>;

    /// # Safety
    /// `bytes` must begin with what `serialize` gave, in this version of Wasmtime or another.
    unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self>;
}

impl Artifact for Module {
    const KIND: &'static [u8] = b"module";

    fn compile(engine: &Engine, binary: &[u8]) -> wasmtime::Result<Self> {
        Self::from_binary(engine, binary)
    }

    fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        Self::serialize(self)
    }

    unsafe fn deserialize_file(engine: &Engine, file: &Path) -> wasmtime::Result<Self> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Self::deserialize_file(engine, file) }
    }

    unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Self::deserialize(engine, bytes) }
    }
}

impl Artifact for Component {
    const KIND: &'static [u8] = b"component";

    fn compile(engine: &Engine, binary: &[u8]) -> wasmtime::Result<Self> {
        Self::from_binary(engine, binary)
    }

    fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        Self::serialize(self)
    }

    unsafe fn deserialize_file(engine: &Engine, file: &Path) -> wasmtime::Result<Self> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Self::deserialize_file(engine, file) }
    }

    unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Self::deserialize(engine, bytes) }
    }
}

/// The code of a binary.
pub(super) fn code_of<A: Artifact>(sandbox: &Sandbox, binary: &[u8]) -> wasmtime::Result<A> {
    let engine = sandbox.engine();
    let Some(cache) = sandbox.code_cache() else {
        return A::compile(engine, binary);
    };
    let key = key::<A>(engine, binary);
    if let Some(file) = cache.get(&key) {
        match load::<A>(engine, &file) {
            Ok(artifact) => return Ok(artifact),
            Err(error) => cache.refuse(&key, &format!("{error:#}")),
        }
    }
    let artifact = A::compile(engine, binary)?;
    if let Ok(bytes) = artifact.serialize() {
        cache.put(&key, &bytes);
    }
    Ok(artifact)
}

/// Takes code from a file that the cache gave: mapped, so that only what is run is read and all processes share it.
fn load<A: Artifact>(engine: &Engine, file: &Path) -> wasmtime::Result<A> {
    // SAFETY: the cache gives a file that begins with what was put under its key, and `serialize` gave what is put. It has looked that directory and file
    // belong to this user, that no other may write to them, and that the checksum is right. Entries are removed and replaced as whole files, never written to.
    // Who can write as this user needs no cache to run code.
    unsafe {
        A::deserialize_file(engine, file)
            // Where files may not be mapped to be run (`noexec`), their content may.
            .or_else(|error| A::deserialize(engine, &std::fs::read(file).map_err(|_| error)?))
    }
}

/// What code depends on: the binary, its kind, and of the engine the version, the processor and every setting that changes code.
fn key<A: Artifact>(engine: &Engine, binary: &[u8]) -> Key {
    let mut hasher = Hashing(blake3::Hasher::new());
    hasher.0.update(A::KIND);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.update(blake3::hash(binary).as_bytes());
    hasher.0.finalize().into()
}

/// BLAKE3 of what is hashed: the standard library's own hashers differ from one of its versions to the next, and have 64 bits.
struct Hashing(blake3::Hasher);

impl Hasher for Hashing {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.finalize();
        digest
            .as_bytes()
            .iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}
