//! Calls as the host makes them, in the memory of this process: the loop, nulls, constants, failures, streams. The types one
//! by one, and the real host, are in `runtime/tests/e2e/sdk_guest.rs`.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::descriptor::{Descriptor, slice_at};
use crate::glue::{Instance, Scope, call, drop, load, new, push, save};
use crate::report;
use crate::returned::{Outcome, Return};
use crate::stream::{read_state, upgrade_state};

/// Sizes around a strip.
const SIZES: [usize; 8] = [1, 2, 15, 16, 17, 31, 32, 100];

/// A column of numbers; it owns its buffers.
struct Numbers {
    column: Descriptor,
    _values: Box<[u128]>,
    _validity: Vec<u8>,
}

fn numbers(values: &[Option<f64>]) -> Numbers {
    let mut bits = vec![0_u8; values.len().div_ceil(8)];
    let mut buffer = vec![0_u128; values.len().div_ceil(2).max(1)].into_boxed_slice();
    for (i, value) in values.iter().enumerate() {
        bits[i / 8] |= u8::from(value.is_some()) << (i % 8);
        // SAFETY: the buffer has 8 bytes for each value. A null's value is a NaN, so that using it shows.
        unsafe {
            buffer
                .as_mut_ptr()
                .cast::<f64>()
                .add(i)
                .write(value.unwrap_or(f64::NAN))
        };
    }
    let null_count = values.iter().filter(|value| value.is_none()).count();
    let column = Descriptor {
        rows: values.len(),
        null_count,
        validity: if null_count == 0 {
            0
        } else {
            bits.as_ptr().expose_provenance()
        },
        values: buffer.as_ptr().expose_provenance(),
        values_bytes: values.len() * 8,
        ..Descriptor::default()
    };
    Numbers {
        column,
        _values: buffer,
        _validity: bits,
    }
}

fn constant(value: Option<f64>) -> Numbers {
    let mut numbers = numbers(&[value]);
    numbers.column.flags = Descriptor::CONSTANT;
    numbers
}

/// What the host lends for a result of numbers, and reads afterwards.
struct Lent {
    out: Descriptor,
    values: Box<[f64]>,
    validity: Vec<u8>,
}

fn lent(rows: usize) -> Lent {
    let (mut values, mut validity) = (vec![0.0; rows].into_boxed_slice(), vec![0xFF_u8; rows.div_ceil(16) * 2]);
    let out = Descriptor {
        rows,
        validity: validity.as_mut_ptr().expose_provenance(),
        values: values.as_mut_ptr().expose_provenance(),
        values_bytes: rows * 8,
        ..Descriptor::default()
    };
    Lent { out, values, validity }
}

impl Lent {
    fn address(&mut self) -> usize {
        (&raw mut self.out).expose_provenance()
    }

    fn read(&self) -> Vec<Option<f64>> {
        let is_valid = |i: usize| self.validity[i / 8] >> (i % 8) & 1 == 1;
        self.values
            .iter()
            .enumerate()
            .map(|(i, value)| is_valid(i).then_some(*value))
            .collect()
    }
}

/// Calls a function of two numbers; gives the status and the result.
fn call2<'a, A, O>(scope: &'a Scope, columns: [&Numbers; 2], rows: usize, f: impl Fn(A) -> O) -> (i32, Vec<Option<f64>>)
where
    A: crate::argument::Arguments<'a>,
    O: Outcome,
    O::Value: Return<Base = f64>,
{
    let columns = Box::leak(Box::new(columns.map(|numbers| numbers.column)));
    let mut lent = lent(rows);
    let address = lent.address();
    // SAFETY: the columns are of the types that the tests name, all of which are numbers.
    let status = unsafe {
        call::<A, O>(
            scope,
            columns.as_ptr().expose_provenance(),
            rows,
            address,
            &mut Default::default(),
            f,
        )
    };
    (status, lent.read())
}

type Two = (f64, (f64, ()));
type OneOption = (Option<f64>, (f64, ()));

#[test]
fn every_row_of_every_size_is_done() {
    for rows in SIZES {
        let a: Vec<Option<f64>> = (0..rows).map(|i| Some(i as f64)).collect();
        let scope = Scope::enter();
        let (a, b) = (numbers(&a), constant(Some(0.5)));
        let (status, result) = call2::<Two, _>(&scope, [&a, &b], rows, |(a, (b, ()))| a + b);
        assert_eq!(status, 0);
        assert_eq!(
            result,
            (0..rows).map(|i| Some(i as f64 + 0.5)).collect::<Vec<_>>(),
            "{rows} rows"
        );
        let (_, swapped) = call2::<Two, _>(&scope, [&b, &a], rows, |(b, (a, ()))| a + b);
        assert_eq!(swapped, result);
    }
}

#[test]
fn nulls_are_none_or_end_the_row() {
    for rows in SIZES {
        let a: Vec<Option<f64>> = (0..rows).map(|i| (i % 3 != 0).then_some(i as f64)).collect();
        let b: Vec<Option<f64>> = (0..rows).map(|i| (i % 5 != 1).then_some(100.0)).collect();
        let scope = Scope::enter();
        let f = |(a, (b, ())): OneOption| a.unwrap_or(-1.0) + b;
        let (status, result) = call2::<OneOption, _>(&scope, [&numbers(&a), &numbers(&b)], rows, f);
        let expected: Vec<_> = a.iter().zip(&b).map(|(a, b)| Some(a.unwrap_or(-1.0) + (*b)?)).collect();
        assert_eq!((status, result), (0, expected), "{rows} rows");
        // No nulls at all: the other loop.
        let full = vec![Some(1.0); rows];
        let (_, result) = call2::<OneOption, _>(&scope, [&numbers(&full), &numbers(&full)], rows, f);
        assert_eq!(result, vec![Some(2.0); rows]);
        let (_, result) = call2::<OneOption, _>(&scope, [&constant(None), &constant(Some(3.0))], rows, f);
        assert_eq!(result, vec![Some(2.0); rows]);
    }
}

#[test]
fn failed_rows_are_null_and_reported() {
    for rows in SIZES {
        let a: Vec<Option<f64>> = (0..rows).map(|i| Some(i as f64)).collect();
        let scope = Scope::enter();
        let f = |(a, (_, ())): Two| match a as usize % 7 {
            3 => Err("three"),
            5 => Ok(None),
            _ => Ok(Some(a)),
        };
        let (status, result) = call2::<Two, _>(&scope, [&numbers(&a), &constant(Some(0.0))], rows, f);
        let expected: Vec<_> = (0..rows)
            .map(|i| (i % 7 != 3 && i % 7 != 5).then_some(i as f64))
            .collect();
        assert_eq!(result, expected, "{rows} rows");
        let failed: Vec<_> = (0..rows)
            .filter(|i| i % 7 == 3)
            .map(|i| (i as u32, "three".to_string()))
            .collect();
        assert_eq!(status, i32::from(!failed.is_empty()));
        assert_eq!(report::texts(), failed);
    }
}

type Sum = Instance<Vec<f64>, <f64 as Return>::Store>;

/// Pushes numbers through a function that adds up what it keeps, and fails on negative numbers.
fn push_sum(instance: &mut Sum, slots: &[u32], values: &[f64]) -> (i32, Vec<Option<f64>>) {
    let column = numbers(&values.iter().copied().map(Some).collect::<Vec<_>>());
    let (mut lent, rows) = (lent(slots.len()), slots.len());
    let out = lent.address();
    // SAFETY: a column of numbers, a slot for each.
    let status = unsafe {
        let arguments = ((&raw const column.column).expose_provenance(), rows);
        push::<_, (f64, ()), _>(
            &Scope::enter(),
            instance,
            slots.as_ptr().expose_provenance(),
            arguments,
            out,
            |prototype| Some(prototype.cloned().unwrap_or_default()),
            |state: &mut Vec<f64>, (x, ())| {
                if x < 0.0 {
                    return Err("negative");
                }
                state.push(x);
                Ok(state.iter().sum::<f64>())
            },
        )
    };
    (status, lent.read())
}

fn save_sum(instance: &mut Sum, slots: &[u32]) -> Vec<Vec<u8>> {
    let mut lent = lent(slots.len());
    let out = lent.address();
    // SAFETY: a slot for each row of the result, which is read before the next call.
    unsafe {
        assert_eq!(
            save(
                &Scope::enter(),
                instance,
                slots.as_ptr().expose_provenance(),
                slots.len(),
                out
            ),
            0
        );
        let (offsets, bytes) = (lent.out.starts(), lent.out.bytes());
        offsets
            .windows(2)
            .map(|pair| bytes[pair[0] as usize..pair[1] as usize].to_vec())
            .collect()
    }
}

fn load_sum(
    instance: &mut Sum,
    slots: &[u32],
    states: &[Vec<u8>],
    read: impl Fn(&[u8]) -> Result<Vec<f64>, String>,
) -> i32 {
    let bytes = states.concat();
    let mut offsets = vec![0_i32];
    for state in states {
        offsets.push(offsets[offsets.len() - 1] + state.len() as i32);
    }
    let column = Descriptor {
        rows: states.len(),
        values: bytes.as_ptr().expose_provenance(),
        values_bytes: bytes.len(),
        offsets: offsets.as_ptr().expose_provenance(),
        ..Descriptor::default()
    };
    let states = (slots.len(), (&raw const column).expose_provenance());
    // SAFETY: a BYTES column with a value for each slot.
    unsafe {
        load(
            &Scope::enter(),
            instance,
            slots.as_ptr().expose_provenance(),
            states,
            read,
        )
    }
}

#[test]
fn state_is_kept_by_slot_saved_and_loaded() {
    let mut sum = Sum::default();
    let (status, result) = push_sum(&mut sum, &[3, 0, 3, 3], &[1.0, 10.0, -2.0, 4.0]);
    assert_eq!((status, result), (1, vec![Some(1.0), Some(10.0), None, Some(5.0)]));
    assert_eq!(report::texts(), [(2, "negative".to_string())]);
    let saved = save_sum(&mut sum, &[0, 1, 3, 9]);
    assert_eq!([saved[1].len(), saved[3].len()], [0, 0], "fresh slots have no bytes");

    let mut other = Sum::default();
    push_sum(&mut other, &[3], &[1e6]);
    assert_eq!(
        load_sum(
            &mut other,
            &[0, 7, 3],
            &[saved[2].clone(), saved[0].clone(), saved[1].clone()],
            read_state
        ),
        0
    );
    let (_, result) = push_sum(&mut other, &[0, 7, 3], &[1.0; 3]);
    assert_eq!(result, [Some(6.0), Some(11.0), Some(1.0)]);
    let slots = [7_u32, 99];
    // SAFETY: two slots.
    unsafe {
        assert_eq!(
            drop(&Scope::enter(), &mut other, slots.as_ptr().expose_provenance(), 2),
            0
        )
    };
    assert_eq!(push_sum(&mut other, &[7, 0], &[1.0; 2]).1, [Some(1.0), Some(7.0)]);
}

#[test]
fn state_that_cannot_be_read_fails_the_load() {
    let mut sum = Sum::default();
    assert_eq!(load_sum(&mut sum, &[0, 1], &[vec![], vec![1, 2]], read_state), 2);
    assert_eq!(
        report::texts(),
        [(1, "saved state cannot be read: 4 bytes wanted, 2 are left".to_string())]
    );
    let older = 2.5_f64.to_le_bytes().to_vec();
    assert_eq!(
        load_sum(&mut sum, &[1], &[older], |bytes| upgrade_state(bytes, |old: f64| vec![
            old
        ])),
        0
    );
    assert_eq!(push_sum(&mut sum, &[1], &[1.0]).1, [Some(3.5)]);
}

#[test]
fn constants_make_the_first_state_or_refuse() {
    let start = |instance: &mut Sum, columns: &[Descriptor]| {
        let arguments = (columns.as_ptr().expose_provenance(), columns.len());
        let make = |(first, ()): (f64, ())| {
            if first < 0.0 {
                Err("no".to_string())
            } else {
                Ok(Some(vec![first]))
            }
        };
        // SAFETY: the second column is a number.
        unsafe { new::<_, _, (f64, ())>(&Scope::enter(), instance, arguments, &[(1, "first")], make) }
    };
    let absent = Descriptor {
        flags: Descriptor::ABSENT,
        ..Descriptor::default()
    };
    let mut sum = Sum::default();
    assert_eq!(start(&mut sum, &[absent, constant(Some(100.0)).column]), 0);
    assert_eq!(
        push_sum(&mut sum, &[0, 1, 0], &[1.0; 3]).1,
        [Some(101.0), Some(101.0), Some(102.0)]
    );
    for (column, message) in [
        (constant(Some(-1.0)).column, "no"),
        (constant(None).column, "a constant is null: first must have values"),
        (absent, "argument first must be a constant"),
    ] {
        assert_eq!(start(&mut sum, &[absent, column]), 2);
        assert_eq!(report::texts(), [(u32::MAX, message.to_string())]);
    }
}

#[test]
fn memory_for_the_host_is_aligned() {
    for (bytes, align) in [(0, 1), (1, 16), (100, 8), (70_000, 16)] {
        let address = crate::memory::host_alloc(bytes, align);
        assert!(address != 0 && address % align == 0);
        // SAFETY: memory of this size, given back as it was asked for.
        unsafe {
            assert_eq!(slice_at::<u8>(address, bytes).len(), bytes);
            crate::memory::host_free(address, bytes, align);
        }
    }
    assert_eq!(crate::memory::host_alloc(usize::MAX, 16), 0);
    assert_eq!(crate::memory::host_alloc(1, 3), 0);
}
