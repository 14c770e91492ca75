//! State: both ways, equal bytes for equal state, and bytes that are none.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::fmt::Debug;
use std::collections::{HashMap, HashSet};
use std::prelude::v1::*;

use super::*;
use crate::{Date, Decimal, Time, Timestamp};

fn both_ways<S: State + PartialEq + Debug>(state: S) {
    let bytes = save_state(&state);
    assert_eq!(load_state::<S>(&bytes).as_ref(), Ok(&state));
    for cut in 0..bytes.len() {
        assert!(load_state::<S>(&bytes[..cut]).is_err(), "{state:?} cut to {cut} bytes");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(load_state::<S>(&longer).is_err(), "{state:?} with a byte too many");
}

#[test]
fn values_both_ways() {
    both_ways((u8::MAX, i64::MIN, f64::MIN_POSITIVE, -0.5_f32));
    both_ways((true, 'é', usize::MAX, isize::MIN));
    both_ways((
        Date::from_days(-1),
        Time::from_millis(86_399_999),
        Timestamp::from_millis(i64::MAX),
    ));
    both_ways(Decimal::<38, 10>::from_unscaled(-1));
    both_ways((
        String::from("straße"),
        Some(Box::new(1_i128)),
        None::<u16>,
        [1_u32, 2, 3],
    ));
    both_ways(vec![vec![1_u16], vec![], vec![2, 3]]);
    both_ways(VecDeque::from([1.5, -2.5]));
    both_ways(BTreeMap::from([(String::from("a"), 1), (String::new(), 2)]));
    both_ways(BTreeSet::from([3_i8, -4]));
    both_ways(HashMap::from([(1_u64, vec!['x']), (256, vec![])]));
    both_ways(HashSet::from([String::from("b"), String::from("a")]));
    both_ways(());
}

#[test]
fn a_queue_that_went_round_saves_as_one_that_did_not() {
    let mut round = VecDeque::with_capacity(4);
    for i in 0..100 {
        round.push_back(i);
        if round.len() > 3 {
            round.pop_front();
        }
    }
    assert_eq!(save_state(&round), save_state(&VecDeque::from([97, 98, 99])));
}

#[test]
fn hash_maps_save_alike_whatever_their_order() {
    let forward: HashMap<u32, u32> = (0..1_000).map(|i| (i, i)).collect();
    let backward: HashMap<u32, u32> = (0..1_000).rev().map(|i| (i, i)).collect();
    assert_eq!(save_state(&forward), save_state(&backward));
    let set = |items: &[&str]| items.iter().map(|item| String::from(*item)).collect::<HashSet<_>>();
    assert_eq!(
        save_state(&set(&["x", "yy", "zzz"])),
        save_state(&set(&["zzz", "x", "yy"]))
    );
}

#[test]
fn bytes_that_are_no_state_say_why() {
    let message = |error: StateError| std::format!("{error}");
    assert_eq!(
        load_state::<u32>(&[1, 2]).map_err(message),
        Err("saved state cannot be read: 4 bytes wanted, 2 are left".into())
    );
    assert_eq!(
        load_state::<bool>(&[2]).map_err(message),
        Err("saved state cannot be read: 2 is no bool".into())
    );
    assert!(load_state::<char>(&0xD800_u32.to_le_bytes()).is_err());
    assert!(load_state::<Time>(&86_400_000_i32.to_le_bytes()).is_err());
    assert!(load_state::<Decimal<3, 0>>(&1_000_i128.to_le_bytes()).is_err());
    assert!(load_state::<String>(&[1, 0, 0, 0, 0xFF]).is_err());
}

#[test]
fn a_huge_length_makes_no_room() {
    let bytes = [u32::MAX.to_le_bytes(), [0; 4]].concat();
    assert!(load_state::<Vec<u64>>(&bytes).is_err());
    assert!(load_state::<HashMap<u64, u64>>(&bytes).is_err());
}
