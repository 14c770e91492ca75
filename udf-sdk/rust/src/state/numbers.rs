//! Numbers, SQL's own types, and fixed groups of them.

use alloc::format;
use alloc::vec::Vec;

use super::{State, StateError, StateReader};
use crate::{Date, Decimal, Time, Timestamp};

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl State for $number {
            #[inline]
            fn save(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
                Ok(<$number>::from_le_bytes(input.array()?))
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64);

/// `usize` and `isize` differ in size between a plugin and a test; both are saved in 64 bits.
macro_rules! sizes {
    ($($size:ty as $number:ty),*) => {$(
        impl State for $size {
            fn save(&self, out: &mut Vec<u8>) {
                (*self as $number).save(out);
            }

            fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
                let number = <$number>::load(input)?;
                <$size>::try_from(number).map_err(|_| StateError(format!("{number} is no {}", stringify!($size))))
            }
        }
    )*};
}
sizes!(usize as u64, isize as i64);

impl State for bool {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        match u8::load(input)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(StateError(format!("{other} is no bool"))),
        }
    }
}

impl State for char {
    fn save(&self, out: &mut Vec<u8>) {
        u32::from(*self).save(out);
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        let number = u32::load(input)?;
        char::from_u32(number).ok_or_else(|| StateError(format!("{number} is no char")))
    }
}

impl State for Date {
    fn save(&self, out: &mut Vec<u8>) {
        self.days().save(out);
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Date::from_days(State::load(input)?))
    }
}

impl State for Time {
    fn save(&self, out: &mut Vec<u8>) {
        self.millis().save(out);
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        let millis = State::load(input)?;
        Time::from_millis(millis).ok_or_else(|| StateError(format!("{millis} is no millisecond of a day")))
    }
}

impl State for Timestamp {
    fn save(&self, out: &mut Vec<u8>) {
        self.millis().save(out);
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Timestamp::from_millis(State::load(input)?))
    }
}

impl<const P: u8, const S: u8> State for Decimal<P, S> {
    fn save(&self, out: &mut Vec<u8>) {
        self.unscaled().save(out);
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        let unscaled = State::load(input)?;
        Decimal::from_unscaled(unscaled).ok_or_else(|| StateError(format!("{unscaled} has more than {P} digits")))
    }
}

macro_rules! tuples {
    ($(($($part:ident $at:tt),*)),*) => {$(
        impl<$($part: State),*> State for ($($part,)*) {
            fn save(&self, out: &mut Vec<u8>) {
                $(self.$at.save(out);)*
                let _ = out;
            }

            fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
                let _ = &input;
                Ok(($($part::load(input)?,)*))
            }
        }
    )*};
}
tuples!((), (A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3));
