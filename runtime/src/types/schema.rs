//! SQL types and columns as users write them, and the Arrow types that carry them.
//!
//! The list of types is ksqlDB's; each has exactly one Arrow form inside of the engine.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

/// A SQL type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SqlType {
    /// `BOOLEAN`, Arrow `Boolean`.
    Boolean,
    /// `INTEGER` or `INT`, 32 bits, Arrow `Int32`.
    Integer,
    /// `BIGINT`, 64 bits, Arrow `Int64`.
    Bigint,
    /// `DOUBLE`, Arrow `Float64`.
    Double,
    /// `DECIMAL(precision, scale)`, precision 1 to 38, Arrow `Decimal128`.
    Decimal(u8, i8),
    /// `STRING` or `VARCHAR`, Arrow `Utf8`.
    String,
    /// `BYTES`, Arrow `Binary`.
    Bytes,
    /// `TIME`, milliseconds of the day, Arrow `Time32(Millisecond)`.
    Time,
    /// `DATE`, days since the epoch, Arrow `Date32`.
    Date,
    /// `TIMESTAMP`, milliseconds since the epoch, UTC, Arrow `Timestamp(Millisecond, None)`.
    Timestamp,
    /// `ARRAY<element>`, Arrow `List` whose field is named `item`.
    Array(Box<SqlType>),
    /// `MAP<key, value>`, Arrow `Map` with `entries {key, value}`.
    Map(Box<SqlType>, Box<SqlType>),
    /// `STRUCT<name type, ...>`, Arrow `Struct`.
    Struct(Vec<(String, SqlType)>),
}

impl SqlType {
    /// The Arrow type that carries this type everywhere in the engine.
    #[must_use]
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int32,
            Self::Bigint => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::String => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Time => DataType::Time32(TimeUnit::Millisecond),
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::Array(element) => DataType::List(Arc::new(Field::new("item", element.to_arrow(), true))),
            Self::Map(key, value) => DataType::Map(
                Arc::new(Field::new(
                    "entries",
                    DataType::Struct(Fields::from(vec![
                        Field::new("key", key.to_arrow(), false),
                        Field::new("value", value.to_arrow(), true),
                    ])),
                    false,
                )),
                false,
            ),
            Self::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|(name, ty)| Field::new(name, ty.to_arrow(), true))
                    .collect(),
            ),
        }
    }

    /// The SQL type nearest to an Arrow type, as query results are named; `None` where SQL has none (unions, ...).
    ///
    /// Wider Arrow families fold into the one SQL type: `UInt64` is `BIGINT`, `Utf8View` is `STRING`,
    /// timestamps of any unit are `TIMESTAMP`.
    #[must_use]
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => Self::Integer,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 | DataType::Duration(_) => Self::Bigint,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Double,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => Self::Decimal(*p, *s),
            DataType::Decimal256(p, s) => Self::Decimal((*p).min(38), *s),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Self::String,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Bytes
            }
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, _) => Self::Timestamp,
            DataType::List(f)
            | DataType::LargeList(f)
            | DataType::FixedSizeList(f, _)
            | DataType::ListView(f)
            | DataType::LargeListView(f) => Self::Array(Box::new(Self::from_arrow(f.data_type())?)),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(kv) if kv.len() == 2 => Self::Map(
                    Box::new(Self::from_arrow(kv[0].data_type())?),
                    Box::new(Self::from_arrow(kv[1].data_type())?),
                ),
                _ => return None,
            },
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|f| Some((f.name().clone(), Self::from_arrow(f.data_type())?)))
                    .collect::<Option<Vec<_>>>()?,
            ),
            DataType::Dictionary(_, value) => Self::from_arrow(value)?,
            _ => return None,
        })
    }
}

impl fmt::Display for SqlType {
    /// As ksqlDB's `DESCRIBE` writes types: `STRUCT<`A` INTEGER>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Integer => f.write_str("INTEGER"),
            Self::Bigint => f.write_str("BIGINT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Decimal(p, s) => write!(f, "DECIMAL({p}, {s})"),
            Self::String => f.write_str("STRING"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Time => f.write_str("TIME"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Array(element) => write!(f, "ARRAY<{element}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (i, (name, ty)) in fields.iter().enumerate() {
                    write!(f, "{}`{name}` {ty}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(">")
            }
        }
    }
}

/// Where a column's value is stored in a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ColumnRole {
    /// In the record's value.
    Value,
    /// In the record's key (`KEY` of a stream, `PRIMARY KEY` of a table).
    Key,
    /// All headers: `ARRAY<STRUCT<KEY STRING, VALUE BYTES>>` (`HEADERS`).
    Headers,
    /// The last header of this key (`HEADER('key')`), type `BYTES`.
    Header(String),
}

/// A declared column of a stream or table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its exact name; unquoted names were folded to upper case.
    pub name: String,
    /// Its type.
    pub sql_type: SqlType,
    /// Where it is stored.
    pub role: ColumnRole,
}

impl Column {
    /// The Arrow field of this column; every column may be null.
    #[must_use]
    pub fn to_field(&self) -> FieldRef {
        Arc::new(Field::new(&self.name, self.sql_type.to_arrow(), true))
    }
}

/// The type of a `HEADERS` column: `ARRAY<STRUCT<KEY STRING, VALUE BYTES>>` (ksqlDB: `SystemColumns.HEADERS_TYPE`).
#[must_use]
pub fn headers_type() -> SqlType {
    SqlType::Array(Box::new(SqlType::Struct(vec![
        ("KEY".into(), SqlType::String),
        ("VALUE".into(), SqlType::Bytes),
    ])))
}

/// The Arrow schema of `columns`, in order.
#[must_use]
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(Column::to_field).collect::<Fields>()))
}

/// The event time as a column: `BIGINT`, milliseconds since the epoch.
pub const ROWTIME: &str = "ROWTIME";
/// The Kafka partition of a row: `INTEGER`.
pub const ROWPARTITION: &str = "ROWPARTITION";
/// The offset of a row in its partition: `BIGINT`.
pub const ROWOFFSET: &str = "ROWOFFSET";
/// Start of a row's window: `BIGINT`, milliseconds since the epoch, inclusive.
pub const WINDOWSTART: &str = "WINDOWSTART";
/// End of a row's window: `BIGINT`, milliseconds since the epoch.
pub const WINDOWEND: &str = "WINDOWEND";
