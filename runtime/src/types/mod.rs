//! Floor 0: the words of the domain that every other module speaks.
//!
//! Nothing here knows SQL, Kafka, Wasmtime or tokio.

pub mod change;
pub mod clock;
pub mod error;
pub mod limits;
pub mod raw;
pub mod schema;
pub mod storage;

pub use change::ChangeBatch;
pub use clock::Clock;
pub use error::{Class, Retry};
pub use raw::{BytesColumn, Headers, RawRecords};
