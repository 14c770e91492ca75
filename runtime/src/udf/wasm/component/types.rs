//! The types of `udf-sdk/wit/functions.wit` in Rust. Wasmtime compares them with those of a component before a call.

use wasmtime::component::{ComponentType, Lift, Lower};

/// The interface that makes a component a plugin.
pub(super) const INTERFACE: &str = "waterwheel:functions/functions@1.0.0";

/// The values of one level of a column.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum Values {
    #[component(name = "booleans")]
    Booleans(Vec<bool>),
    #[component(name = "integers")]
    Integers(Vec<i32>),
    #[component(name = "bigints")]
    Bigints(Vec<i64>),
    #[component(name = "doubles")]
    Doubles(Vec<f64>),
    #[component(name = "decimals")]
    Decimals(Vec<(u64, i64)>),
    #[component(name = "strings")]
    Strings(Vec<String>),
    #[component(name = "bytes")]
    Bytes(Vec<Vec<u8>>),
    #[component(name = "arrays")]
    Arrays(Vec<u32>),
    #[component(name = "maps")]
    Maps(Vec<u32>),
    #[component(name = "structs")]
    Structs,
}

/// One level of a column.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Level {
    pub(super) nulls: Vec<bool>,
    pub(super) values: Values,
}

/// A column, its levels from outside to inside.
pub(super) type Column = Vec<Level>;

/// A row that failed.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Failure {
    pub(super) row: u32,
    pub(super) message: String,
}

/// What a call gives.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Given {
    pub(super) values: Column,
    pub(super) failed: Vec<Failure>,
}

impl Values {
    /// What an error calls them.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Booleans(_) => "booleans",
            Self::Integers(_) => "integers",
            Self::Bigints(_) => "bigints",
            Self::Doubles(_) => "doubles",
            Self::Decimals(_) => "decimals",
            Self::Strings(_) => "strings",
            Self::Bytes(_) => "bytes",
            Self::Arrays(_) => "arrays",
            Self::Maps(_) => "maps",
            Self::Structs => "structs",
        }
    }
}
