//! Against values of 60 digits, and against `std`.

use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use super::{exp, ln, log2, log10};

/// Numbers with their logarithms to bases e, 2 and 10, rounded from 60 digits: the ends of the range, both sides of 1 and of where
/// the exponent changes, where the error is largest, and some others.
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::approx_constant, clippy::excessive_precision, reason = "printed by a program")]
const LOGARITHMS: [(f64, f64, f64, f64); 28] = [
    (5e-324, -744.4400719213812, -1074.0, -323.3062153431158),
    (2.2250738585072014e-308, -708.3964185322641, -1022.0, -307.6526555685888),
    (1e-310, -713.8013788281542, -1029.7977094150824, -310.0),
    (1e-300, -690.7755278982137, -996.5784284662087, -300.0),
    (0.1, -2.3025850929940455, -3.321928094887362, -1.0),
    (0.5, -0.6931471805599453, -1.0, -0.3010299956639812),
    (0.7071067811865475, -0.34657359027997275, -0.5000000000000001, -0.15051499783199063),
    (0.7071067811865476, -0.3465735902799726, -0.4999999999999999, -0.15051499783199057),
    (0.9999999999999999, -1.1102230246251565e-16, -1.6017132519074588e-16, -4.821637332766436e-17),
    (1.0000000000000002, 2.2204460492503128e-16, 3.203426503814917e-16, 9.64327466553287e-17),
    (1.398868472895304, 0.33566367617809073, 0.4842603210286904, 0.1457768823395048),
    (1.3905460800513052, 0.3296965333382645, 0.47565155364539696, 0.14318538513143977),
    (1.4130382151832923, 0.3457421487600894, 0.49880048344247524, 0.15015390736788006),
    (1.4142135623730951, 0.3465735902799727, 0.5000000000000001, 0.15051499783199063),
    (2.0, 0.6931471805599453, 1.0, 0.3010299956639812),
    (2.718281828459045, 1.0, 1.4426950408889634, 0.4342944819032518),
    (3.0, 1.0986122886681098, 1.584962500721156, 0.47712125471966244),
    (10.0, 2.302585092994046, 3.321928094887362, 1.0),
    (1000.0, 6.907755278982137, 9.965784284662087, 3.0),
    (12345.678, 9.421061321291832, 13.59171844813855, 4.091514945509202),
    (1000000000000000.0, 34.538776394910684, 49.82892142331043, 15.0),
    (1e+22, 50.65687204586901, 73.08241808752197, 22.0),
    (1.7976931348623157e+308, 709.782712893384, 1024.0, 308.25471555991675),
    (0.9331595906798769, -0.06917904165853155, -0.09980426033421448, -0.030044076055655435),
    (0.8086114052256413, -0.21243681697060965, -0.30648154234573494, -0.09226013736342685),
    (1.1686728205886947, 0.15586876358035595, 0.2248710922468738, 0.06769294392403113),
    (0.7521541264006307, -0.2848140207127818, -0.4108997752579768, -0.12369315756423958),
    (1.0858350431008161, 0.08234931596069821, 0.11880494975709766, 0.035763853510238613),
];

/// Numbers with their exponentials, in the same way.
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::approx_constant, clippy::excessive_precision, reason = "printed by a program")]
const EXPONENTIALS: [(f64, f64); 18] = [
    (-745.1332191019411, 5e-324),
    (-744.0, 1e-323),
    (-708.5, 2.006132305331306e-308),
    (-708.0, 3.307553003638408e-308),
    (-100.5, 2.256340135917036e-44),
    (-1.0, 0.36787944117144233),
    (-0.3465735902799726, 0.7071067811865476),
    (-1e-09, 0.999999999),
    (1e-300, 1.0),
    (0.25, 1.2840254166877414),
    (0.34657359027997264, 1.414213562373095),
    (0.5, 1.6487212707001282),
    (1.0, 2.718281828459045),
    (2.0, 7.38905609893065),
    (10.0, 22026.465794806718),
    (466.8420855280877, 5.583951854012482e+202),
    (700.0, 1.0142320547350045e+304),
    (709.782712893384, 1.7976931348622732e+308),
];

/// Doubles from `a` to `b`.
fn ulps(a: f64, b: f64) -> u64 {
    // As whole numbers in the order of the doubles.
    let place = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 { i64::MIN - bits } else { bits }
    };
    if a.is_nan() && b.is_nan() {
        return 0;
    }
    place(a).abs_diff(place(b))
}

#[test]
fn results_are_within_one_ulp_of_the_rounded_truth() {
    let mut wrong: Vec<String> = vec![];
    let mut check = |name: &str, x: f64, got: f64, truth: f64| {
        if ulps(got, truth) > 1 {
            wrong.push(format!("{name}({x:e}) is {got:e}, not {truth:e}"));
        }
    };
    for (x, natural, binary, decimal) in LOGARITHMS {
        check("ln", x, ln(x), natural);
        check("log2", x, log2(x), binary);
        check("log10", x, log10(x), decimal);
    }
    for (x, power) in EXPONENTIALS {
        check("exp", x, exp(x), power);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn many_results_are_within_two_ulp_of_std() {
    // std's own are within 1 of the truth.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..300_000 {
        let fraction = (random() >> 11) as f64 / (1_u64 << 53) as f64;
        let x = match round % 5 {
            0 => f64::from_bits(random() >> 1),
            1 => f64::from_bits(random() >> 12),
            2 => 0.6 + fraction,
            3 => 1.0 + (fraction - 0.5) * 1e-4,
            _ => fraction * 1e6,
        };
        for (name, ours, theirs) in [
            ("ln", ln(x), x.ln()),
            ("log2", log2(x), x.log2()),
            ("log10", log10(x), x.log10()),
        ] {
            assert!(ulps(ours, theirs) <= 2, "{name}({x:e}) is {ours:e}, std's {theirs:e}");
        }
        let y = if round % 2 == 0 {
            (fraction - 0.5) * 1_500.0
        } else {
            (fraction - 0.5) * 2.0
        };
        assert!(
            ulps(exp(y), y.exp()) <= 2,
            "exp({y:e}) is {:e}, std's {:e}",
            exp(y),
            y.exp()
        );
    }
}

#[test]
fn what_has_no_logarithm_gives_what_std_gives() {
    for x in [
        0.0,
        -0.0,
        -1.0,
        -5e-324,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        -f64::NAN,
    ] {
        for (name, ours, theirs) in [
            ("ln", ln(x), x.ln()),
            ("log2", log2(x), x.log2()),
            ("log10", log10(x), x.log10()),
            ("exp", exp(x), x.exp()),
        ] {
            assert_eq!(ulps(ours, theirs), 0, "{name}({x:e}) is {ours:e}, std's {theirs:e}");
        }
    }
    assert_eq!(
        (exp(710.0), exp(1e300), exp(-746.0), exp(-1e300)),
        (f64::INFINITY, f64::INFINITY, 0.0, 0.0)
    );
}

#[test]
fn whole_results_are_exact() {
    assert_eq!((ln(1.0), log2(1.0), log10(1.0), exp(0.0)), (0.0, 0.0, 0.0, 1.0));
    for power in -1074..1024 {
        // 2^power, which may be subnormal.
        let x = if power < -1022 {
            f64::from_bits(1 << (power + 1074))
        } else {
            f64::from_bits(((power + 1023) as u64) << 52)
        };
        assert_eq!(log2(x), f64::from(power), "{x:e}");
    }
}
