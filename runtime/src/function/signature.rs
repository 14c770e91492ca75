//! Parameter types of functions, and which overload a call means.
//!
//! The rules are ksqlDB's: first the overloads that take the arguments as they are; if there is none, those that take
//! them after widening (INTEGER to BIGINT to DECIMAL to DOUBLE, STRING to TIME, DATE or TIMESTAMP). Of several the one
//! without repeated parameters wins, then the one with more parameters, then the one with fewer type variables; if two
//! are left, the call is ambiguous. NULL fits every parameter.

use std::fmt;

use crate::types::schema::SqlType;

/// The type of a parameter or of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param {
    /// This type. For `DECIMAL` see [`Param::Decimal`].
    Type(SqlType),
    /// `DECIMAL` of any precision and scale.
    Decimal,
    /// A unit of time by name: `DAYS`, `SECONDS`, ...
    Unit,
    /// Any type at all; several of them need not agree.
    Any,
    /// A type variable: the same type wherever the letter stands.
    Variable(char),
    /// `ARRAY<...>`.
    Array(Box<Param>),
    /// `MAP<..., ...>`.
    Map(Box<Param>, Box<Param>),
}

/// Parameters and result of one overload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) params: Vec<Param>,
    /// The last parameter may be given any number of times, or not at all.
    pub(crate) repeats: bool,
    pub(crate) returns: Param,
}

/// The type of an argument; `None` is the literal NULL.
pub(crate) type ArgType = Option<SqlType>;

/// A call that no overload, or more than one, can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mismatch {
    NoneFits,
    Ambiguous,
}

/// The overload that a call means and the type that each argument is turned into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) index: usize,
    pub(crate) arguments: Vec<SqlType>,
    pub(crate) returns: SqlType,
}

/// Whether arguments may be widened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Widening {
    No,
    /// As ksqlDB does.
    Implicit,
    /// BIGINT to INTEGER too: for literals, which other SQL planners type as BIGINT.
    Narrowing,
}

/// Chooses the overload for `arguments`.
pub(crate) fn choose(signatures: &[&Signature], arguments: &[ArgType]) -> Result<Chosen, Mismatch> {
    for widening in [Widening::No, Widening::Implicit, Widening::Narrowing] {
        let mut fitting: Vec<usize> = (0..signatures.len())
            .filter(|&index| Binding::of(signatures[index], arguments, widening).is_some())
            .collect();
        fitting.sort_by_key(|&index| std::cmp::Reverse(signatures[index].precedence()));
        match fitting.as_slice() {
            [] => {}
            [first, second, ..] if signatures[*first].precedence() == signatures[*second].precedence() => {
                return Err(Mismatch::Ambiguous);
            }
            [index, ..] => {
                let signature = signatures[*index];
                let binding = Binding::of(signature, arguments, widening).expect("it fitted before");
                return Ok(Chosen {
                    index: *index,
                    arguments: (0..arguments.len())
                        .map(|i| binding.target(signature.param(i).expect("it fitted before"), &arguments[i]))
                        .collect(),
                    returns: binding.target(&signature.returns, &None),
                });
            }
        }
    }
    Err(Mismatch::NoneFits)
}

impl Signature {
    /// Reads `(STRING, INT, T...) -> ARRAY<T>`. Panics on anything else: signatures are part of the program.
    pub(crate) fn parse(text: &str) -> Self {
        let (params, returns) = text.split_once("->").expect("a signature has an arrow");
        let inner = params.trim().strip_prefix('(').and_then(|p| p.strip_suffix(')'));
        let inner = inner.expect("parameters stand in parentheses").trim();
        let (inner, repeats) = match inner.strip_suffix("...") {
            Some(rest) => (rest, true),
            None => (inner, false),
        };
        Self {
            params: split_list(inner).into_iter().map(Param::parse).collect(),
            repeats,
            returns: Param::parse(returns),
        }
    }

    fn param(&self, index: usize) -> Option<&Param> {
        match self.params.get(index) {
            None if self.repeats => self.params.last(),
            param => param,
        }
    }

    fn takes_count(&self, count: usize) -> bool {
        if self.repeats {
            count + 1 >= self.params.len()
        } else {
            count == self.params.len()
        }
    }

    /// Larger is better.
    fn precedence(&self) -> (bool, usize, isize, bool) {
        let open = self.params.iter().filter(|p| p.is_open()).count();
        let ends_in_any = self.repeats && self.params.last() == Some(&Param::Any);
        (!self.repeats, self.params.len(), -(open as isize), !ends_in_any)
    }
}

impl Param {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix("ARRAY<").and_then(|t| t.strip_suffix('>')) {
            return Self::Array(Box::new(Self::parse(inner)));
        }
        if let Some(inner) = text.strip_prefix("MAP<").and_then(|t| t.strip_suffix('>')) {
            let parts = split_list(inner);
            let [key, value] = parts.as_slice() else {
                panic!("a map has a key and a value: {text}");
            };
            return Self::Map(Box::new(Self::parse(key)), Box::new(Self::parse(value)));
        }
        Self::Type(match text {
            "BOOLEAN" => SqlType::Boolean,
            "INT" => SqlType::Integer,
            "BIGINT" => SqlType::Bigint,
            "DOUBLE" => SqlType::Double,
            "STRING" => SqlType::String,
            "BYTES" => SqlType::Bytes,
            "TIME" => SqlType::Time,
            "DATE" => SqlType::Date,
            "TIMESTAMP" => SqlType::Timestamp,
            "DECIMAL" => return Self::Decimal,
            "UNIT" => return Self::Unit,
            "ANY" => return Self::Any,
            _ => {
                let mut letters = text.chars();
                return match (letters.next(), letters.next()) {
                    (Some(letter), None) => Self::Variable(letter),
                    _ => panic!("unknown type {text} in a signature"),
                };
            }
        })
    }

    /// Has a type variable, or is one.
    fn is_open(&self) -> bool {
        match self {
            Self::Variable(_) | Self::Any => true,
            Self::Array(element) => element.is_open(),
            Self::Map(key, value) => key.is_open() || value.is_open(),
            _ => false,
        }
    }
}

/// Splits at commas outside of angle brackets.
fn split_list(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// What the type variables of a signature stand for in a call.
#[derive(Debug, Default)]
struct Binding {
    variables: Vec<(char, SqlType)>,
}

impl Binding {
    /// `None` where the arguments do not fit.
    fn of(signature: &Signature, arguments: &[ArgType], widening: Widening) -> Option<Self> {
        if !signature.takes_count(arguments.len()) {
            return None;
        }
        let mut binding = Self::default();
        for (index, argument) in arguments.iter().enumerate() {
            if let Some(argument) = argument
                && !binding.accepts(signature.param(index)?, argument, widening)
            {
                return None;
            }
        }
        Some(binding)
    }

    fn accepts(&mut self, param: &Param, argument: &SqlType, widening: Widening) -> bool {
        match (param, argument) {
            (Param::Any, _) | (Param::Unit, SqlType::String) | (Param::Decimal, SqlType::Decimal(..)) => true,
            (Param::Type(wanted), given) => {
                wanted == given || (widening != Widening::No && widens(given, wanted, widening))
            }
            (Param::Decimal, SqlType::Integer | SqlType::Bigint) => widening != Widening::No,
            (Param::Array(element), SqlType::Array(given)) => self.accepts(element, given, widening),
            (Param::Map(key, value), SqlType::Map(given_key, given_value)) => {
                self.accepts(key, given_key, widening) && self.accepts(value, given_value, widening)
            }
            (Param::Variable(letter), given) => {
                let Some((_, bound)) = self.variables.iter_mut().find(|(l, _)| l == letter) else {
                    self.variables.push((*letter, given.clone()));
                    return true;
                };
                if bound == given {
                    return true;
                }
                match (widening, wider(bound, given)) {
                    (Widening::No, _) | (_, None) => false,
                    (_, Some(common)) => {
                        *bound = common;
                        true
                    }
                }
            }
            _ => false,
        }
    }

    /// The type that an argument of this parameter is turned into.
    fn target(&self, param: &Param, argument: &ArgType) -> SqlType {
        match (param, argument) {
            (Param::Type(wanted), _) => wanted.clone(),
            (Param::Decimal, Some(SqlType::Bigint)) => SqlType::Decimal(19, 0),
            (Param::Decimal, Some(SqlType::Decimal(p, s))) => SqlType::Decimal(*p, *s),
            (Param::Decimal, _) => SqlType::Decimal(10, 0),
            (Param::Unit, _) | (Param::Any, None) => SqlType::String,
            (Param::Any, Some(given)) => given.clone(),
            (Param::Variable(letter), _) => (self.variables.iter())
                .find(|(l, _)| l == letter)
                .map_or(SqlType::String, |(_, bound)| bound.clone()),
            (Param::Array(element), given) => {
                let inner = match given {
                    Some(SqlType::Array(inner)) => Some((**inner).clone()),
                    _ => None,
                };
                SqlType::Array(Box::new(self.target(element, &inner)))
            }
            (Param::Map(key, value), given) => {
                let (inner_key, inner_value) = match given {
                    Some(SqlType::Map(k, v)) => (Some((**k).clone()), Some((**v).clone())),
                    _ => (None, None),
                };
                SqlType::Map(
                    Box::new(self.target(key, &inner_key)),
                    Box::new(self.target(value, &inner_value)),
                )
            }
        }
    }
}

/// Whether a value of type `from` may stand where `to` is wanted.
fn widens(from: &SqlType, to: &SqlType, widening: Widening) -> bool {
    match (from, to) {
        (SqlType::Integer, SqlType::Bigint | SqlType::Double)
        | (SqlType::Bigint | SqlType::Decimal(..), SqlType::Double)
        | (SqlType::String, SqlType::Time | SqlType::Date | SqlType::Timestamp) => true,
        (SqlType::Bigint, SqlType::Integer) => widening == Widening::Narrowing,
        _ => false,
    }
}

/// The narrowest type that holds both: of numbers, and of the parts of arrays, maps and structs.
pub(crate) fn wider(a: &SqlType, b: &SqlType) -> Option<SqlType> {
    use SqlType::{Array, Bigint, Decimal, Double, Integer, Map, Struct};
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (Integer, Bigint) | (Bigint, Integer) => Bigint,
        (Double, Integer | Bigint | Decimal(..)) | (Integer | Bigint | Decimal(..), Double) => Double,
        (Integer | Bigint | Decimal(..), Decimal(..)) | (Decimal(..), Integer | Bigint) => {
            let ((p0, s0), (p1, s1)) = (decimal_of(a)?, decimal_of(b)?);
            let scale = s0.max(s1);
            let whole = (i16::from(p0) - i16::from(s0)).max(i16::from(p1) - i16::from(s1));
            // More than 38 digits are cut on the side that hurts least: the fraction.
            let precision = (whole + i16::from(scale)).min(38);
            Decimal(
                u8::try_from(precision).ok()?,
                scale.min(i8::try_from(precision - whole).ok()?.max(0)),
            )
        }
        (Array(x), Array(y)) => Array(Box::new(wider(x, y)?)),
        (Map(k0, v0), Map(k1, v1)) => Map(Box::new(wider(k0, k1)?), Box::new(wider(v0, v1)?)),
        (Struct(x), Struct(y)) => {
            let mut fields = x.clone();
            for (name, ty) in y {
                match fields.iter_mut().find(|(n, _)| n == name) {
                    Some((_, own)) => *own = wider(own, ty)?,
                    None => fields.push((name.clone(), ty.clone())),
                }
            }
            Struct(fields)
        }
        _ => return None,
    })
}

/// Precision and scale of a number as a decimal: INTEGER is DECIMAL(10, 0), BIGINT is DECIMAL(19, 0).
pub(crate) fn decimal_of(sql_type: &SqlType) -> Option<(u8, i8)> {
    match sql_type {
        SqlType::Integer => Some((10, 0)),
        SqlType::Bigint => Some((19, 0)),
        SqlType::Decimal(p, s) => Some((*p, *s)),
        _ => None,
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(ty) => ty.fmt(f),
            Self::Decimal => f.write_str("DECIMAL"),
            Self::Unit => f.write_str("UNIT"),
            Self::Any => f.write_str("ANY"),
            Self::Variable(letter) => write!(f, "{letter}"),
            Self::Array(element) => write!(f, "ARRAY<{element}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
        }
    }
}

impl fmt::Display for Signature {
    /// `(STRING, INTEGER...)`, without the result.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, param) in self.params.iter().enumerate() {
            write!(f, "{}{param}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.repeats { "...)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(signatures: &[&str], arguments: &[ArgType]) -> Result<Chosen, Mismatch> {
        let signatures: Vec<Signature> = signatures.iter().map(|s| Signature::parse(s)).collect();
        choose(&signatures.iter().collect::<Vec<_>>(), arguments)
    }

    const GREATEST: [&str; 5] = [
        "(INT, INT...) -> INT",
        "(BIGINT, BIGINT...) -> BIGINT",
        "(DECIMAL, DECIMAL...) -> DECIMAL",
        "(DOUBLE, DOUBLE...) -> DOUBLE",
        "(TIME, TIME...) -> TIME",
    ];

    #[test]
    fn exact_types_win_and_null_fits_all() {
        let int = Some(SqlType::Integer);
        let call = chosen(&GREATEST, &[int.clone(), None, int.clone()]).unwrap();
        assert_eq!((call.index, call.returns), (0, SqlType::Integer));
        assert_eq!(chosen(&GREATEST, &[None, None]), Err(Mismatch::Ambiguous));
        assert_eq!(chosen(&GREATEST, &[]), Err(Mismatch::NoneFits));
        assert_eq!(
            chosen(&GREATEST, &[Some(SqlType::String), int]),
            Err(Mismatch::NoneFits)
        );
    }

    #[test]
    fn widening_is_ambiguous_where_several_types_are_wide_enough() {
        let (int, bigint) = (Some(SqlType::Integer), Some(SqlType::Bigint));
        assert_eq!(
            chosen(&GREATEST, &[int.clone(), bigint.clone()]),
            Err(Mismatch::Ambiguous)
        );
        let call = chosen(&GREATEST, &[int, bigint, Some(SqlType::Double)]).unwrap();
        assert_eq!((call.index, &call.arguments[0]), (3, &SqlType::Double));
        let call = chosen(&GREATEST, &[Some(SqlType::Time), Some(SqlType::String)]).unwrap();
        assert_eq!((call.index, &call.arguments[1]), (4, &SqlType::Time));
    }

    #[test]
    fn variables_bind_and_widen() {
        let array = |ty: SqlType| Some(SqlType::Array(Box::new(ty)));
        let call = chosen(
            &["(ARRAY<T>, T) -> ARRAY<T>"],
            &[array(SqlType::Bigint), Some(SqlType::Integer)],
        )
        .unwrap();
        assert_eq!(call.arguments[1], SqlType::Bigint);
        assert_eq!(call.returns, array(SqlType::Bigint).unwrap());
        assert!(
            chosen(
                &["(ARRAY<T>, T) -> T"],
                &[array(SqlType::Bigint), Some(SqlType::Boolean)]
            )
            .is_err()
        );
        let map = Some(SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Double)));
        let call = chosen(&["(MAP<STRING, V>) -> ARRAY<V>"], &[map]).unwrap();
        assert_eq!(call.returns, array(SqlType::Double).unwrap());
    }

    #[test]
    fn fewer_repeats_and_more_parameters_win() {
        let text = Some(SqlType::String);
        let signatures = [
            "(STRING...) -> INT",
            "(STRING, STRING...) -> INT",
            "(STRING, STRING) -> INT",
        ];
        assert_eq!(chosen(&signatures, &[text.clone(), text.clone()]).unwrap().index, 2);
        assert_eq!(
            chosen(&signatures, &[text.clone(), text.clone(), text.clone()])
                .unwrap()
                .index,
            1
        );
        assert_eq!(chosen(&signatures, &[]).unwrap().index, 0);
        assert_eq!(
            chosen(&["(INT) -> INT"], &[Some(SqlType::Bigint)]).unwrap().arguments,
            [SqlType::Integer]
        );
    }

    #[test]
    fn decimals_widen_to_hold_both_sides() {
        let decimal = SqlType::Decimal;
        assert_eq!(wider(&decimal(9, 2), &decimal(7, 6)), Some(decimal(13, 6)));
        assert_eq!(wider(&SqlType::Integer, &decimal(4, 2)), Some(decimal(12, 2)));
        assert_eq!(wider(&decimal(38, 2), &decimal(38, 30)), Some(decimal(38, 2)));
        assert_eq!(wider(&SqlType::String, &SqlType::Integer), None);
    }
}
