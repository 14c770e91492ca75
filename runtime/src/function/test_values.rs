//! A short notation of values and calls for the tables of tests: `substring('abc', 2, 1)` gives `b`.
//!
//! `1` INTEGER, `1L` BIGINT, `1.5` DECIMAL, `1.5e0` DOUBLE, `'text'`, `x'00ff'` BYTES, `date'2020-01-01'`,
//! `time'10:00'`, `timestamp'2020-01-01T00:00:00'`, `[1, 2]` (`[]` of INTEGER), `{'a': 1}`, `(F: 1)` STRUCT, `null`, `null<INT>`.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    ListArray, MapArray, NullArray, StringArray, StructArray, Time32MillisecondArray, TimestampMillisecondArray,
    new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use datafusion::scalar::ScalarValue;

use super::cast::{parse_date, parse_time, parse_timestamp, write_inside};
use super::java_number::{Digits, Rounding};
use crate::types::Clock;
use crate::types::clock::ManualClock;

/// 2018-05-11T21:58:33Z, the time at which tests run.
pub(crate) const NOW_MS: i64 = 1_526_075_913_000;

/// The functions of the module by name.
pub(crate) fn function(name: &str) -> Option<Arc<ScalarUDF>> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW_MS));
    super::scalar_functions(&clock).into_iter().find(|f| f.name() == name)
}

/// Computes a call in the notation above; errors are `error: ...`.
///
/// Every call is made with constants and with columns, which must agree.
pub(crate) fn eval(call: &str) -> String {
    let (name, rest) = call.split_once('(').expect("a call has parentheses");
    let udf = function(name).unwrap_or_else(|| panic!("there is no function {name}"));
    let mut parser = Parser { rest };
    let args = parser.list(')');
    let constant = run(&udf, &args, 1, true);
    if !args.is_empty() && udf.signature().volatility != datafusion::logical_expr::Volatility::Volatile {
        let column = run(&udf, &args, 3, false);
        assert_eq!(constant, column, "{call}: constants and columns differ");
    }
    constant
}

/// Computes a function on arrays of one value.
pub(crate) fn run(udf: &ScalarUDF, args: &[ArrayRef], rows: usize, constant: bool) -> String {
    match invoke(udf, args, rows, constant) {
        Ok(array) => {
            assert_eq!(array.len(), if constant { 1 } else { rows });
            let mut text = String::new();
            write_inside(&array, array.len() - 1, &mut text);
            text
        }
        Err(error) => format!("error: {}", error.strip_backtrace().replace("Execution error: ", "")),
    }
}

/// Calls a function as DataFusion would.
pub(crate) fn invoke(udf: &ScalarUDF, args: &[ArrayRef], rows: usize, constant: bool) -> Result<ArrayRef> {
    let types: Vec<DataType> = args.iter().map(|a| a.data_type().clone()).collect();
    let coerced = match udf.signature().type_signature {
        datafusion::logical_expr::TypeSignature::UserDefined => udf.coerce_types(&types)?,
        _ => types,
    };
    let arg_fields: Vec<_> = coerced
        .iter()
        .map(|ty| Arc::new(Field::new("a", ty.clone(), true)))
        .collect();
    let nothing = vec![None; args.len()];
    let return_field = udf.return_field_from_args(ReturnFieldArgs {
        arg_fields: &arg_fields,
        scalar_arguments: &nothing,
    })?;
    let args = args
        .iter()
        .map(|array| {
            Ok(if constant {
                ColumnarValue::Scalar(ScalarValue::try_from_array(array, 0)?)
            } else {
                ColumnarValue::Array(concat(&vec![array.as_ref(); rows])?)
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let result = udf.invoke_with_args(ScalarFunctionArgs {
        args,
        arg_fields,
        number_rows: rows,
        return_field: Arc::clone(&return_field),
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    let array = result.into_array(if constant { 1 } else { rows })?;
    assert_eq!(
        array.data_type(),
        return_field.data_type(),
        "{} gives another type than it says",
        udf.name()
    );
    Ok(array)
}

/// One value in the notation above.
pub(crate) fn value(text: &str) -> ArrayRef {
    Parser { rest: text }.value()
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn list(&mut self, end: char) -> Vec<ArrayRef> {
        let mut values = Vec::new();
        let end = end.to_string();
        while !self.take(&end) {
            values.push(self.value());
            self.take(",");
        }
        values
    }

    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        loop {
            match chars.next().expect("a quote is closed") {
                (_, '\\') => text.push(match chars.next().expect("an escape has a character").1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                }),
                (at, '\'') => {
                    self.rest = &self.rest[at + 1..];
                    return text;
                }
                (_, c) => text.push(c),
            }
        }
    }

    fn value(&mut self) -> ArrayRef {
        if self.take("null<") {
            let (name, rest) = self.rest.split_once('>').expect("a type ends");
            self.rest = rest;
            return new_null_array(value(&zero_of(name)).data_type(), 1);
        }
        if self.take("null") {
            return Arc::new(NullArray::new(1));
        }
        if self.take("true") {
            return Arc::new(BooleanArray::from(vec![true]));
        }
        if self.take("false") {
            return Arc::new(BooleanArray::from(vec![false]));
        }
        if self.take("x'") {
            let digits = self.quoted();
            let bytes: Vec<u8> = (0..digits.len() / 2)
                .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
                .collect();
            return Arc::new(BinaryArray::from(vec![bytes.as_slice()]));
        }
        if self.take("date'") {
            return Arc::new(Date32Array::from(vec![parse_date(&self.quoted()).unwrap()]));
        }
        if self.take("timestamp'") {
            return Arc::new(TimestampMillisecondArray::from(vec![
                parse_timestamp(&self.quoted()).unwrap(),
            ]));
        }
        if self.take("time'") {
            return Arc::new(Time32MillisecondArray::from(vec![parse_time(&self.quoted()).unwrap()]));
        }
        if self.take("'") {
            return Arc::new(StringArray::from(vec![self.quoted()]));
        }
        if self.take("[") {
            let values = typed(self.list(']'));
            let field = Arc::new(Field::new("item", values.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            return Arc::new(ListArray::new(field, offsets, values, None));
        }
        if self.take("{") {
            return self.map();
        }
        if self.take("(") {
            return self.fields();
        }
        self.number()
    }

    fn map(&mut self) -> ArrayRef {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        while !self.take("}") {
            keys.push(self.value());
            assert!(self.take(":"));
            values.push(self.value());
            self.take(",");
        }
        let (keys, values) = (typed(keys), typed(values));
        let length = keys.len();
        let fields = Fields::from(vec![
            Field::new("key", keys.data_type().clone(), false),
            Field::new("value", values.data_type().clone(), true),
        ]);
        let entries = StructArray::new(fields.clone(), vec![keys, values], None);
        let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
        Arc::new(MapArray::new(
            field,
            OffsetBuffer::from_lengths([length]),
            entries,
            None,
            false,
        ))
    }

    fn fields(&mut self) -> ArrayRef {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        while !self.take(")") {
            let (name, rest) = self.rest.split_once(':').expect("a field has a name");
            self.rest = rest;
            let column = self.value();
            fields.push(Field::new(name.trim(), column.data_type().clone(), true));
            columns.push(column);
            self.take(",");
        }
        Arc::new(StructArray::new(Fields::from(fields), columns, None))
    }

    fn number(&mut self) -> ArrayRef {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Some(digits) = text.strip_suffix('L') {
            return Arc::new(Int64Array::from(vec![digits.parse::<i64>().unwrap()]));
        }
        if let Ok(number) = text.parse::<i32>() {
            return Arc::new(Int32Array::from(vec![number]));
        }
        if text.contains(['e', 'N', 'I']) {
            return Arc::new(Float64Array::from(vec![
                super::java_number::parse_double(text).unwrap(),
            ]));
        }
        let digits = Digits::parse(text).unwrap_or_else(|| panic!("not a value: {text}"));
        let scale = i8::try_from(digits.scale()).unwrap();
        let precision = u8::try_from(digits.significant.len())
            .unwrap()
            .max(scale.unsigned_abs())
            .max(1);
        let unscaled = digits.unscaled(scale, Rounding::Down).unwrap();
        let array = Decimal128Array::from(vec![unscaled]);
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    }
}

fn zero_of(name: &str) -> String {
    match name {
        "BOOLEAN" => "true",
        "INT" => "0",
        "BIGINT" => "0L",
        "DOUBLE" => "0e0",
        "DECIMAL" => "0.00",
        "STRING" => "''",
        "BYTES" => "x''",
        "DATE" => "date'1970'",
        "TIME" => "time'00:00'",
        "TIMESTAMP" => "timestamp'1970'",
        "INTS" => "[1]",
        "STRINGS" => "['a']",
        "MAP" => "{'a': 1}",
        other => panic!("no such type: {other}"),
    }
    .into()
}

/// The values in one array, nulls in the type of the others.
fn typed(values: Vec<ArrayRef>) -> ArrayRef {
    let ty = values.iter().map(|v| v.data_type()).find(|ty| **ty != DataType::Null);
    let ty = ty.cloned().unwrap_or(DataType::Int32);
    let values: Vec<ArrayRef> = values
        .into_iter()
        .map(|v| {
            if *v.data_type() == DataType::Null {
                new_null_array(&ty, 1)
            } else {
                v
            }
        })
        .collect();
    if values.is_empty() {
        return new_null_array(&ty, 0);
    }
    concat(&values.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()).unwrap()
}
