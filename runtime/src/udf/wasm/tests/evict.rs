//! More keys than the guest's memory holds: the results are those of a memory that is large enough.

use super::*;
use crate::udf::StreamInstance;

/// `tally(x BIGINT)`: the sum of x per slot, times 1000, plus how many there were. Each slot takes BYTES bytes of a memory of which nothing is ever given back:
/// the sum at its begin, the number at its end. The address of slot i is at 65536 + 4 * i; there is room for 16,384 addresses.
const TALLY: &str = r#"
(func $state (param $slots i32) (param $i i32) (result i32) (local $at i32) (local $slot i32)
  (local.set $slot (i32.load (i32.add (local.get $slots) (i32.shl (local.get $i) (i32.const 2)))))
  (if (i32.ge_u (local.get $slot) (i32.const 16384)) (then (unreachable)))
  (local.set $at (i32.add (i32.const 65536) (i32.shl (local.get $slot) (i32.const 2))))
  (if (i32.eqz (i32.load (local.get $at))) (then
    (i32.store (local.get $at) (call $alloc (i32.const BYTES) (i32.const 16)))
    (if (i32.eqz (i32.load (local.get $at))) (then (unreachable)))))
  (i32.load (local.get $at)))
(func (export "tally_new") (param i32) (result i32) (i32.const 0))
(func (export "tally_push") (param $slots i32) (param $args i32) (param $rows i32) (param $out i32) (result i32)
  (local $i i32) (local $s i32)
  (loop $next
    (local.set $s (call $state (local.get $slots) (local.get $i)))
    (i64.store (local.get $s) (i64.add (i64.load (local.get $s))
      (i64.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 3))))))
    (i64.store offset=LAST (local.get $s) (i64.add (i64.load offset=LAST (local.get $s)) (i64.const 1)))
    (i64.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 3)))
      (i64.add (i64.mul (i64.load (local.get $s)) (i64.const 1000)) (i64.load offset=LAST (local.get $s))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
  (i32.const 0))
(func (export "tally_save") (param $slots i32) (param $count i32) (param $out i32) (result i32) (local $i i32) (local $to i32) (local $s i32)
  (i32.store offset=16 (local.get $out) (i32.const 40960))
  (i32.store offset=20 (local.get $out) (i32.shl (local.get $count) (i32.const 4)))
  (i32.store offset=24 (local.get $out) (i32.const 49152))
  (i32.store (i32.const 49152) (i32.const 0))
  (loop $next
    (local.set $s (call $state (local.get $slots) (local.get $i)))
    (local.set $to (i32.add (i32.const 40960) (i32.shl (local.get $i) (i32.const 4))))
    (i64.store (local.get $to) (i64.load (local.get $s)))
    (i64.store offset=8 (local.get $to) (i64.load offset=LAST (local.get $s)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (i32.store (i32.add (i32.const 49152) (i32.shl (local.get $i) (i32.const 2))) (i32.shl (local.get $i) (i32.const 4)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "tally_load") (param $slots i32) (param $count i32) (param $states i32) (param $version i32) (result i32) (local $i i32) (local $from i32) (local $s i32)
  (loop $next
    (local.set $s (call $state (local.get $slots) (local.get $i)))
    (local.set $from (i32.add (i32.load offset=16 (local.get $states)) (i32.shl (local.get $i) (i32.const 4))))
    ;; version 1 kept a tenth of the sum
    (i64.store (local.get $s) (i64.mul (i64.load (local.get $from)) (select (i64.const 10) (i64.const 1) (i32.eq (local.get $version) (i32.const 1)))))
    (i64.store offset=LAST (local.get $s) (i64.load offset=8 (local.get $from)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
(func (export "tally_drop") (param $slots i32) (param $count i32) (result i32) (local $i i32) (local $s i32)
  (loop $next
    (local.set $s (call $state (local.get $slots) (local.get $i)))
    (i64.store (local.get $s) (i64.const 0))
    (i64.store offset=LAST (local.get $s) (i64.const 0))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
  (i32.const 0))
"#;

fn tally(bytes: usize, limits: Limits) -> Arc<dyn StreamFunction> {
    let more = r#","state_version":2,"reads_state_versions":[1]"#;
    let body = TALLY
        .replace("BYTES", &bytes.to_string())
        .replace("LAST", &(bytes - 8).to_string());
    let text = guest(&[entry("tally", "stream", &["BIGINT"], "BIGINT", more)], &body);
    let sandbox = Sandbox::new(limits).unwrap();
    load(&sandbox, "test", text.as_bytes(), true).unwrap().streams.remove(0)
}

fn instance(bytes: usize) -> Box<dyn StreamInstance> {
    tally(bytes, Limits::default()).instance(&[None]).unwrap()
}

/// The same on the host.
#[derive(Default)]
struct Tallies(std::collections::HashMap<u32, (i64, i64)>);

impl Tallies {
    fn push(&mut self, slots: &[u32], x: &[i64]) -> ArrayRef {
        let mut row = |(slot, x): (&u32, &i64)| {
            let (sum, number) = self.0.entry(*slot).or_default();
            *sum += x;
            *number += 1;
            Some(*sum * 1000 + *number)
        };
        longs(slots.iter().zip(x).map(&mut row).collect::<Vec<_>>())
    }

    fn saved(&self, slot: u32) -> Vec<u8> {
        let (sum, number) = self.0[&slot];
        [sum.to_le_bytes(), number.to_le_bytes()].concat()
    }
}

/// `count` slots out of `keys`, some of them often, the same in every run.
fn rows(count: usize, keys: u32, seed: u64) -> (Vec<u32>, Vec<i64>) {
    let mut random = seed;
    let mut next = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as u32
    };
    let slot = |random: u32, hot: u32| {
        if hot.is_multiple_of(4) {
            random % 50
        } else {
            random % keys
        }
    };
    (0..count)
        .map(|_| (slot(next(), next()), i64::from(next() % 100)))
        .unzip()
}

fn push(instance: &mut dyn StreamInstance, slots: &[u32], x: &[i64]) -> ArrayRef {
    instance.push(slots, &[longs(x.iter().copied().map(Some))]).unwrap()
}

#[test]
fn more_keys_than_memory_lose_nothing() {
    // 16 MiB hold about 4,000 states of 4 KiB, or 250 of 64 KiB.
    for (bytes, keys, step) in [
        (4_096, 20_000, 8_192),
        (4_096, 20_000, 500),
        (4_096, 9_000, 30_000),
        (65_536, 2_000, 8_192),
    ] {
        let (slots, x) = rows(40_000, keys, 7);
        let (mut tally, mut expected) = (instance(bytes), Tallies::default());
        for (slots, x) in slots.chunks(step).zip(x.chunks(step)) {
            assert_eq!(
                &push(&mut *tally, slots, x),
                &expected.push(slots, x),
                "{bytes} bytes, {keys} keys, {step} rows"
            );
        }
        let memory = tally.state_bytes();
        assert!(memory < (17 << 20) + keys as usize * 100, "{memory} bytes");
        let mut used: Vec<u32> = expected.0.keys().copied().collect();
        used.sort_unstable();
        for (slot, state) in used.iter().zip(tally.save(&used).unwrap()) {
            assert_eq!(state, expected.saved(*slot), "slot {slot}");
        }
    }
}

#[test]
fn all_states_of_a_restart_come_back_though_they_do_not_fit() {
    let (mut slots, x) = rows(20_000, 12_000, 3);
    let mut expected = Tallies::default();
    expected.push(&slots, &x);
    slots.sort_unstable();
    slots.dedup();
    let states: Vec<Vec<u8>> = slots.iter().map(|slot| expected.saved(*slot)).collect();
    let mut tally = instance(4_096);
    tally.load(&slots, &states).unwrap();
    assert_eq!(tally.save(&slots).unwrap(), states);
    let (slots, x) = rows(20_000, 12_000, 5);
    assert_eq!(&push(&mut *tally, &slots, &x), &expected.push(&slots, &x));
}

#[test]
fn states_of_an_older_version_are_read_when_their_keys_come() {
    let slots: Vec<u32> = (0..6_000).collect();
    let state = |sum: i64| [sum.to_le_bytes(), 1_i64.to_le_bytes()].concat();
    let mut tally = instance(4_096);
    tally.load_version(&slots, &vec![state(3); 6_000], 1).unwrap();
    let got = push(&mut *tally, &[5_999, 0], &[1, 2]);
    assert_eq!(&got, &longs([31_002, 32_002].map(Some)));
    let saved = tally.save(&[5_999, 4_000, 0, 100_000]).unwrap();
    assert_eq!(
        saved[..3],
        [31_i64, 30, 32].map(|sum| if sum == 30 {
            state(30)
        } else {
            [sum.to_le_bytes(), 2_i64.to_le_bytes()].concat()
        })
    );
    assert_eq!(saved[3], b"", "never used: fresh");
}

#[test]
fn dropped_slots_are_fresh_wherever_they_were() {
    let slots: Vec<u32> = (0..8_000).collect();
    let mut tally = instance(4_096);
    push(&mut *tally, &slots, &vec![1; 8_000]);
    // Of the first ones the states are on the host by now, of the last ones in the guest.
    tally.drop_slots(&[1, 7_999]).unwrap();
    let got = push(&mut *tally, &[0, 1, 7_998, 7_999], &[1; 4]);
    assert_eq!(&got, &longs([2_002, 1_001, 2_002, 1_001].map(Some)));
}

#[test]
fn states_beyond_the_hosts_own_limit_are_an_error() {
    let limits = Limits {
        state_bytes: 100_000,
        ..Limits::default()
    };
    let mut tally = tally(4_096, limits).instance(&[None]).unwrap();
    let slots: Vec<u32> = (0..30_000).collect();
    let x = longs(vec![Some(1); 30_000]);
    let error = tally.push(&slots, &[x]).unwrap_err().to_string();
    assert_eq!(
        error,
        "function tally of plugin test met its limit: state 100000 bytes, of keys whose state its memory does not hold"
    );
}

#[test]
fn one_state_larger_than_memory_is_an_error() {
    let mut tally = instance(20 << 20);
    let error = tally.push(&[0, 1], &[longs([Some(1); 2])]).unwrap_err().to_string();
    assert_eq!(error, "function tally of plugin test met its limit: memory 16 MiB");
}
