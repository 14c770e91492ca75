//! What `java.time` gives for the same patterns, texts and zones, as rows.

use super::*;

fn zone(id: &str) -> Zone {
    Zone::parse(id).unwrap()
}

/// 2018-05-11T21:58:33Z.
const MAY: i64 = 1_526_075_913_000;

#[test]
fn timestamps_are_written_as_java_writes_them() {
    for (pattern, ms, id, expected) in [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", MAY + 7, "UTC", "2018-05-11T21:58:33.007Z"),
        (
            "yyyy-MM-dd HH:mm:ss zzz",
            MAY,
            "America/Los_Angeles",
            "2018-05-11 14:58:33 PDT",
        ),
        (
            "zzzz|VV|O|OOOO",
            MAY,
            "America/Los_Angeles",
            "Pacific Daylight Time|America/Los_Angeles|GMT-7|GMT-07:00",
        ),
        (
            "X XX XXX x xx xxx Z ZZZZZ",
            MAY,
            "Asia/Kathmandu",
            "+0545 +0545 +05:45 +0545 +0545 +05:45 +0545 +05:45",
        ),
        (
            "X XX XXX x xx xxx Z ZZZZZ",
            MAY,
            "UTC",
            "Z Z Z +00 +0000 +00:00 +0000 Z",
        ),
        (
            "EEE, d MMM yy|EEEE d MMMM|EEEEE MMMMM",
            MAY,
            "UTC",
            "Fri, 11 May 18|Friday 11 May|F M",
        ),
        ("h:mm a|hh|K|k|kk", 0, "UTC", "12:00 AM|12|0|24|24"),
        ("D|DDD|w|W|e|F|g", MAY, "UTC", "131|131|19|2|6|4|58249"),
        ("Q|QQ|QQQ|QQQQ|G|GGGG", MAY, "UTC", "2|02|Q2|2nd quarter|AD|Anno Domini"),
        (
            "S|SSSSSSSSS|n|A|N",
            86_399_999,
            "UTC",
            "9|999000000|999000000|86399999|86399999000000",
        ),
        ("YYYY-'W'ww", 1_609_459_199_999, "UTC", "2021-W01"),
        ("yyyy G|uuuu", -62_167_219_200_001, "UTC", "0002 BC|-0001"),
        ("yyyy", 253_402_300_800_000, "UTC", "+10000"),
        ("'o''clock' '' [yyyy]", 0, "UTC", "o'clock ' 1970"),
        ("ppppd|pph", MAY, "UTC", "  11| 9"),
        ("", MAY, "UTC", ""),
    ] {
        let mut out = String::new();
        let format = JavaFormat::parse_pattern(pattern).unwrap();
        format.format_timestamp(ms, &zone(id), &mut out).unwrap();
        assert_eq!(out, expected, "{pattern}");
    }
}

#[test]
fn timestamps_are_read_as_java_reads_them() {
    for (pattern, text, id, expected) in [
        ("yyyy-MM-dd'T'HH:mm:ssX", "2018-05-11T21:58:33Z", "UTC", MAY),
        ("yyyy-MM-dd't'HH:mm:ssX", "2018-05-11T21:58:33+05:30", "UTC", -1),
        (
            "yyyy-MM-dd'T'HH:mm:ss.SX",
            "2019-08-27T13:31:09.2+0000",
            "UTC",
            1_566_912_669_200,
        ),
        (
            "yyyy-MM-dd HH:mm:ss zzz",
            "2018-05-11 21:58:33 pst",
            "UTC",
            1_526_101_113_000,
        ),
        (
            "yyyy-MM-dd HH:mm:ss z",
            "2018-05-11 21:58:33 Europe/Paris",
            "UTC",
            MAY - 7_200_000,
        ),
        (
            "yyyy-MM-dd HH:mm:ss VV",
            "2018-05-11 21:58:33 UTC+02:00",
            "UTC",
            MAY - 7_200_000,
        ),
        ("yyyyMMddHHmmssSSS", "20180511215833007", "UTC", MAY + 7),
        (
            "yyyy-MM-dd'T'HH:mm[:ss[.SSSSSS]][XXX]",
            "2018-05-11T21:58-07:00",
            "UTC",
            1_526_101_080_000,
        ),
        (
            "yyyy-MM-dd'T'HH:mm[:ss[.SSSSSS]][XXX]",
            "2018-05-11T21:58:33.500000",
            "UTC",
            MAY + 500,
        ),
        ("yyyy-MM-dd", "2018-05-11", "America/Los_Angeles", 1_526_022_000_000),
        ("yyyy", "2018", "UTC", 1_514_764_800_000),
        ("MMM yyyy", "MAY 2018", "UTC", 1_525_132_800_000),
        ("HH:mm", "10:20", "UTC", 37_200_000),
        ("hh:mm a", "12:30 am", "UTC", 1_800_000),
        ("mm:ss", "10:20", "UTC", 620_000),
        ("MM-dd", "02-29", "UTC", 5_011_200_000),
        ("yy-M-d", "70-1-1", "UTC", 3_155_760_000_000),
        ("yyyy-MM-dd", "2021-02-31", "UTC", 1_614_470_400_000),
        ("yyyy-MM-dd HH:mm", "2021-01-01 24:00", "UTC", 1_609_545_600_000),
        ("yyyy-DDD", "2020-366", "UTC", 1_609_372_800_000),
        ("YYYY-'W'ww-e", "2021-W01-3", "UTC", 1_609_200_000_000),
        ("G yyyy-MM-dd", "BC 0001-01-01", "UTC", -62_167_219_200_000),
        (
            "yyyy-MM-dd HH:mm:ss XXX VV",
            "2021-07-01 00:00:00 +05:00 Europe/London",
            "UTC",
            1_625_079_600_000,
        ),
        // Refused.
        ("yyyy-MM-dd", "2021-13-01", "UTC", -1),
        ("yyyy-MM-dd", "2021-1-01", "UTC", -1),
        ("yyyy-MM-dd", "2021-01-01 ", "UTC", -1),
        ("yyyy-DDD", "2021-366", "UTC", -1),
        ("DDD", "366", "UTC", -1),
        ("HH:mm", "24:01", "UTC", -1),
        ("hh:mm a", "13:30 PM", "UTC", -1),
        ("EEE yyyy-MM-dd", "Mon 2021-02-02", "UTC", -1),
        ("yyyy", "12345", "UTC", -1),
        ("uuuu-MM-dd HH:mm:ss z", "2021-02-02 10:00:00 XYZ", "UTC", -1),
        ("yyyy-MM-dd'T'HH:mm:ssXX", "2019-08-27T13:31:09+05", "UTC", -1),
        ("d MMM yyyy", "1 Sept 2020", "UTC", -1),
    ] {
        let format = JavaFormat::parse_pattern(pattern).unwrap();
        let read = format.parse_timestamp_ms(text, &zone(id));
        match read {
            Ok(ms) => assert_eq!(ms, expected, "{text}"),
            Err(error) => assert_eq!(expected, -1, "{error}"),
        }
    }
}

#[test]
fn dates_and_times_alone_take_no_part_of_the_other() {
    let date = |pattern: &str, text: &str| JavaFormat::parse_pattern(pattern).unwrap().parse_date_days(text).ok();
    assert_eq!(date("dd-MMM-yyyy", "01-JAN-2022"), Some(18_993));
    assert_eq!(date("MMM-yyyy", "JAN-2022"), Some(18_993));
    assert_eq!(date("yyyy", "2022"), Some(18_993));
    assert_eq!(date("yyyy-MM-dd'Lit'", "2018-05-11Lit"), Some(17_662));
    assert_eq!(date("yyyy-MM-dd HH", "2018-05-11 10"), None);
    assert_eq!(date("MM-dd", "05-11"), None);

    let time = |pattern: &str, text: &str| JavaFormat::parse_pattern(pattern).unwrap().parse_time_ms(text).ok();
    assert_eq!(time("HH:mm:ss'Lit'", "00:01:05Lit"), Some(65_000));
    assert_eq!(time("hh:mm:ss a", "01:00:00 Pm"), Some(46_800_000));
    assert_eq!(time("HH", "10"), Some(36_000_000));
    assert_eq!(time("mm:ss", "10:20"), None);
    assert_eq!(time("yyyy HH", "2018 10"), None);

    let drops_time = JavaFormat::parse_pattern("yyyy-MM-dd HH").unwrap();
    assert_eq!(drops_time.parse_date_part_days("2018-05-11 10"), Ok(17_662));
}

#[test]
fn a_date_has_no_hour_to_write() {
    let mut out = String::new();
    let with_hour = JavaFormat::parse_pattern("yyyy HH").unwrap();
    assert_eq!(
        with_hour.format_date(0, &mut out),
        Err(FormatError::Missing("HourOfDay"))
    );
    out.clear();
    JavaFormat::parse_pattern("dd-MM-yyyy'Sophia'[ HH]")
        .unwrap()
        .format_date(-1, &mut out)
        .unwrap();
    assert_eq!(out, "31-12-1969Sophia");
    out.clear();
    JavaFormat::parse_pattern("HH_mm_ss_SSS")
        .unwrap()
        .format_time(65_000, &mut out)
        .unwrap();
    assert_eq!(out, "00_01_05_000");
    assert!(
        JavaFormat::parse_pattern("HH")
            .unwrap()
            .format_time(86_400_000, &mut out)
            .is_err()
    );
}

#[test]
fn wrong_patterns_say_why() {
    for (pattern, reason) in [
        ("yyyy'", "a quote is not closed"),
        ("yyyy]", "']' without '['"),
        ("yyyy b", "unknown letter 'b': put text in single quotes"),
        ("HHH", "too many letters 'H'"),
        ("MMMMMM", "too many letters 'M'"),
        ("SSSSSSSSSS", "too many letters 'S'"),
        ("V", "'V' must be written twice"),
        ("{yyyy}", "'{' is reserved: put it in single quotes"),
        ("p", "pad letter 'p' must be followed by the letters that it pads"),
    ] {
        assert_eq!(JavaFormat::parse_pattern(pattern).unwrap_err().reason, reason);
    }
}
