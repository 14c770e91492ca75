//! Which overload of a function takes the arguments of a call, and how functions are written in messages.
//!
//! Exact types win. Else numbers widen, and literals, which SQL types generously, narrow: the cheapest overload wins, and
//! two equally cheap ones are an error that lists them.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;

use super::FunctionInfo;
use super::default_text::default_text;
use crate::types::schema::SqlType;

/// Cost of a conversion that may fail on some values; one of them is worse than any number of safe ones.
const MAY_FAIL: u32 = 1_000;

/// How a call writes the arguments that a function declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallForm {
    /// Each of them.
    Whole,
    /// Without the last ones, which have defaults.
    Short,
    /// The elements of the last one, an ARRAY, one by one.
    Spread,
}

impl CallForm {
    /// From the plainest on: of two that are as good the first is meant.
    const ALL: [Self; 3] = [Self::Whole, Self::Short, Self::Spread];

    /// The types of the `given` arguments of a call; `None` where the function cannot be called so.
    fn types(self, function: &FunctionInfo, given: usize) -> Option<Vec<DataType>> {
        let all = function.args.len();
        let declared = function.args.iter().map(|(_, data_type)| data_type.clone());
        match self {
            Self::Whole => (given == all).then(|| declared.collect()),
            Self::Short => {
                (given < all && all <= given + function.defaults.len()).then(|| declared.take(given).collect())
            }
            Self::Spread => {
                let element = function.variadic_element()?;
                let rest = given.checked_sub(all - 1)?;
                Some(
                    declared
                        .take(all - 1)
                        .chain(std::iter::repeat_n(element, rest))
                        .collect(),
                )
            }
        }
    }
}

/// The overload that a call means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its place.
    pub index: usize,
    /// How the call writes its arguments.
    pub form: CallForm,
    /// The types that these have to have, one for each that the call gives.
    pub types: Vec<DataType>,
}

impl FunctionInfo {
    /// The type of one of the values that a call may give in the place of the last argument.
    #[must_use]
    pub fn variadic_element(&self) -> Option<DataType> {
        match self.args.last() {
            Some((_, DataType::List(element))) if self.variadic => Some(element.data_type().clone()),
            _ => None,
        }
    }

    /// The arguments as SQL would declare them: `x DOUBLE[, n INTEGER = 60]`, `x DOUBLE...`.
    #[must_use]
    pub fn arguments(&self) -> String {
        let required = self.args.len() - self.defaults.len();
        let mut text = String::new();
        for (i, (name, data_type)) in self.args.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            let written = match i.checked_sub(required) {
                Some(optional) => {
                    let default = default_text(&self.defaults[optional]);
                    write!(text, "[{separator}{name} {} = {default}", type_text(data_type))
                }
                None => match self.variadic_element().filter(|_| i + 1 == self.args.len()) {
                    Some(element) => write!(text, "{separator}{name} {}...", type_text(&element)),
                    None => write!(text, "{separator}{name} {}", type_text(data_type)),
                },
            };
            written.expect("a String can be written");
        }
        text + &"]".repeat(self.defaults.len())
    }
}

/// The overload that takes arguments of these types.
///
/// # Errors
/// When none does, or two do equally well; the text lists the overloads.
pub fn choose<'a>(
    name: &str,
    overloads: impl Iterator<Item = &'a FunctionInfo> + Clone,
    given: &[DataType],
) -> Result<Chosen, String> {
    let mut costs: Vec<((u32, usize), Chosen)> = overloads
        .clone()
        .enumerate()
        .filter_map(|(index, overload)| {
            cheapest(overload, given).map(|(cost, form, types)| (cost, Chosen { index, form, types }))
        })
        .collect();
    let list = |chosen: &dyn Fn(usize) -> bool| {
        let lines: Vec<String> = overloads
            .clone()
            .enumerate()
            .filter(|(i, _)| chosen(*i))
            .map(|(_, overload)| describe(overload))
            .collect();
        lines.join("; ")
    };
    let Some(best) = costs.iter().map(|(cost, _)| *cost).min() else {
        return Err(format!(
            "{}({}) does not exist; there is {}",
            name.to_ascii_uppercase(),
            types_text(given.iter()),
            list(&|_| true)
        ));
    };
    costs.retain(|(cost, _)| *cost == best);
    let winners: Vec<usize> = costs.iter().map(|(_, chosen)| chosen.index).collect();
    match costs.pop() {
        Some((_, one)) if costs.is_empty() => Ok(one),
        _ => Err(format!(
            "{}({}) is ambiguous: {}; cast the arguments to the types of one of them",
            name.to_ascii_uppercase(),
            types_text(given.iter()),
            list(&|i| winners.contains(&i))
        )),
    }
}

/// The cheapest way to call an overload: what its conversions cost, then how plain it is.
fn cheapest(overload: &FunctionInfo, given: &[DataType]) -> Option<((u32, usize), CallForm, Vec<DataType>)> {
    let ways = CallForm::ALL.into_iter().enumerate().filter_map(|(rank, form)| {
        let types = form.types(overload, given.len())?;
        let conversions: Option<u32> = types
            .iter()
            .zip(given)
            .map(|(declared, given)| cost(given, declared))
            .sum();
        Some(((conversions?, rank), form, types))
    });
    ways.min_by_key(|(cost, ..)| *cost)
}

/// What it costs to give a value of type `given` where `declared` is due; `None` where it cannot be.
fn cost(given: &DataType, declared: &DataType) -> Option<u32> {
    if given == declared {
        return Some(0);
    }
    if *given == DataType::Null {
        return Some(1);
    }
    sql_cost(&SqlType::from_arrow(given)?, &SqlType::from_arrow(declared)?)
}

fn sql_cost(given: &SqlType, declared: &SqlType) -> Option<u32> {
    use SqlType::{Array, Bigint, Date, Decimal, Double, Integer, Map, Struct, Timestamp};
    if given == declared {
        // The same to SQL: views, dictionaries, other units or field names of Arrow.
        return Some(1);
    }
    Some(match (given, declared) {
        (Integer, Bigint) => 2,
        (Integer, Decimal(p, s)) => decimal_cost(10, 0, *p, *s),
        (Bigint, Decimal(p, s)) => decimal_cost(19, 0, *p, *s),
        (Decimal(p1, s1), Decimal(p2, s2)) => decimal_cost(*p1, *s1, *p2, *s2),
        (Integer | Bigint | Decimal(_, _), Double) => 4,
        (Date, Timestamp) => 5,
        // Literals: SQL makes 60 a BIGINT and 1.5 a DOUBLE, and who writes f(60) means the INTEGER of f.
        (Bigint, Integer) | (Double, Decimal(_, _)) => MAY_FAIL,
        (Array(given), Array(declared)) => sql_cost(given, declared)?,
        (Map(k1, v1), Map(k2, v2)) => sql_cost(k1, k2)? + sql_cost(v1, v2)?,
        (Struct(given), Struct(declared)) if given.len() == declared.len() => given
            .iter()
            .zip(declared)
            .map(|((n1, t1), (n2, t2))| (n1 == n2).then(|| sql_cost(t1, t2)).flatten())
            .sum::<Option<u32>>()?,
        _ => return None,
    })
}

/// Safe when both sides of the point have room for all digits.
fn decimal_cost(p1: u8, s1: i8, p2: u8, s2: i8) -> u32 {
    let whole = |p: u8, s: i8| i16::from(p) - i16::from(s);
    if s2 >= s1 && whole(p2, s2) >= whole(p1, s1) {
        3
    } else {
        MAY_FAIL
    }
}

/// Name and argument types: what no two functions share.
pub(super) fn signature(function: &FunctionInfo) -> String {
    let types = types_text(function.args.iter().map(|(_, data_type)| data_type));
    format!("{}({types})", function.name.to_ascii_uppercase())
}

/// A function as SQL would declare it: `RISK_SCORE(price DOUBLE, volume BIGINT) RETURNS DOUBLE`.
pub(super) fn describe(function: &FunctionInfo) -> String {
    let (name, returns) = (function.name.to_ascii_uppercase(), type_text(&function.returns));
    format!("{name}({}) RETURNS {returns}", function.arguments())
}

fn types_text<'a>(types: impl Iterator<Item = &'a DataType>) -> String {
    types.map(type_text).collect::<Vec<_>>().join(", ")
}

fn type_text(data_type: &DataType) -> String {
    SqlType::from_arrow(data_type).map_or_else(|| data_type.to_string(), |sql_type| sql_type.to_string())
}

/// Whether overloads are the same functions in the same order, not only alike.
pub(super) fn same_code<F: ?Sized>(some: &[Arc<F>], others: &[Arc<F>]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(a, b)| Arc::ptr_eq(a, b))
}

#[cfg(test)]
mod tests {
    use datafusion::scalar::ScalarValue;

    use super::*;
    use crate::udf::{Kind, Volatility};

    fn info(args: &[DataType], defaults: usize, variadic: bool) -> FunctionInfo {
        FunctionInfo {
            name: "f".into(),
            kind: Kind::Scalar,
            args: args
                .iter()
                .enumerate()
                .map(|(i, arg)| (format!("a{i}"), arg.clone()))
                .collect(),
            defaults: vec![ScalarValue::Int64(Some(1)); defaults],
            constants: Vec::new(),
            variadic,
            returns: DataType::Int64,
            null_in_null_out: true,
            volatility: Volatility::Immutable,
            plugin: "test".into(),
            version: None,
            doc: None,
        }
    }

    const LONG: DataType = DataType::Int64;
    const DOUBLE: DataType = DataType::Float64;

    fn longs() -> DataType {
        DataType::new_list(LONG, true)
    }

    /// Which overload is meant, and how it is called.
    fn chosen(overloads: &[FunctionInfo], given: &[DataType]) -> Result<(usize, CallForm), String> {
        choose("f", overloads.iter(), given).map(|chosen| (chosen.index, chosen.form))
    }

    #[test]
    fn arguments_are_left_out_from_the_end() {
        let overloads = [info(&[DataType::Utf8, LONG, LONG], 2, false)];
        let text = DataType::Utf8;
        assert_eq!(
            chosen(&overloads, std::slice::from_ref(&text)),
            Ok((0, CallForm::Short))
        );
        assert_eq!(chosen(&overloads, &[text.clone(), LONG]), Ok((0, CallForm::Short)));
        assert_eq!(
            chosen(&overloads, &[text.clone(), LONG, LONG]),
            Ok((0, CallForm::Whole))
        );
        assert!(chosen(&overloads, &[]).is_err() && chosen(&overloads, &vec![text; 4]).is_err());
    }

    #[test]
    fn values_are_given_one_by_one_or_as_one() {
        let overloads = [info(&[DataType::Utf8, longs()], 0, true)];
        let text = DataType::Utf8;
        for values in 0..4 {
            let given: Vec<DataType> = std::iter::once(text.clone())
                .chain(std::iter::repeat_n(DataType::Int32, values))
                .collect();
            let chosen = choose("f", overloads.iter(), &given).unwrap();
            assert_eq!(chosen.form, CallForm::Spread);
            assert_eq!(chosen.types[1..], vec![LONG; values]);
        }
        assert_eq!(chosen(&overloads, &[text.clone(), longs()]), Ok((0, CallForm::Whole)));
        let none = chosen(&overloads, &[text.clone(), text]).unwrap_err();
        assert!(
            none.contains("there is F(a0 STRING, a1 BIGINT...) RETURNS BIGINT"),
            "{none}"
        );
        assert!(chosen(&overloads, &[]).is_err());
    }

    #[test]
    fn the_plainest_of_equally_near_overloads_is_meant() {
        let whole = info(&[LONG], 0, false);
        let short = info(&[LONG, DOUBLE], 1, false);
        let spread = info(&[longs()], 0, true);
        let all = [spread.clone(), short.clone(), whole];
        assert_eq!(chosen(&all, &[LONG]), Ok((2, CallForm::Whole)));
        assert_eq!(chosen(&all[..2], &[LONG]), Ok((1, CallForm::Short)));
        // Nearer types come first.
        let doubles = info(&[DOUBLE], 0, false);
        assert_eq!(chosen(&[doubles, spread], &[LONG]), Ok((1, CallForm::Spread)));
        let ambiguous = chosen(&[short, info(&[LONG, longs()], 1, false)], &[LONG]).unwrap_err();
        assert!(ambiguous.contains("F(BIGINT) is ambiguous"), "{ambiguous}");
    }
}
