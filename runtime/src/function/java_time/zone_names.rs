//! English names of time zones, where Java's differ from the tz database's abbreviations.
//!
//! The tz database dropped abbreviations that nobody in the place uses (`-03` for Brazil); Java still prints and reads
//! them (`BRT`). The table holds the zones that logs name; other zones print their id, as Java does for zones that it
//! has no name for.

use chrono_tz::TZ_VARIANTS;

/// Short name, full name, and the zone that Java takes when it reads the short name.
struct Named {
    short: &'static str,
    full: &'static str,
    zone: &'static str,
}

const fn named(short: &'static str, full: &'static str, zone: &'static str) -> Named {
    Named { short, full, zone }
}

/// The first entry of a short name is the one that is read.
const NAMES: &[Named] = &[
    named("UTC", "Coordinated Universal Time", "UTC"),
    named("GMT", "Greenwich Mean Time", "GMT"),
    named("PST", "Pacific Standard Time", "America/Los_Angeles"),
    named("PDT", "Pacific Daylight Time", "America/Los_Angeles"),
    named("MST", "Mountain Standard Time", "America/Denver"),
    named("MDT", "Mountain Daylight Time", "America/Denver"),
    named("CST", "Central Standard Time", "America/Chicago"),
    named("CDT", "Central Daylight Time", "America/Chicago"),
    named("EST", "Eastern Standard Time", "America/New_York"),
    named("EDT", "Eastern Daylight Time", "America/New_York"),
    named("AST", "Atlantic Standard Time", "America/Halifax"),
    named("ADT", "Atlantic Daylight Time", "America/Halifax"),
    named("NST", "Newfoundland Standard Time", "America/St_Johns"),
    named("NDT", "Newfoundland Daylight Time", "America/St_Johns"),
    named("AKST", "Alaska Standard Time", "America/Anchorage"),
    named("AKDT", "Alaska Daylight Time", "America/Anchorage"),
    named("HST", "Hawaii-Aleutian Standard Time", "Pacific/Honolulu"),
    named("WET", "Western European Standard Time", "Europe/Lisbon"),
    named("WEST", "Western European Summer Time", "Europe/Lisbon"),
    named("CET", "Central European Standard Time", "Europe/Paris"),
    named("CEST", "Central European Summer Time", "Europe/Paris"),
    named("EET", "Eastern European Standard Time", "Europe/Bucharest"),
    named("EEST", "Eastern European Summer Time", "Europe/Bucharest"),
    named("BST", "British Summer Time", "Europe/London"),
    named("MSK", "Moscow Standard Time", "Europe/Moscow"),
    named("TRT", "Turkey Time", "Europe/Istanbul"),
    named("IST", "India Standard Time", "Asia/Kolkata"),
    named("JST", "Japan Standard Time", "Asia/Tokyo"),
    named("KST", "Korean Standard Time", "Asia/Seoul"),
    named("CST", "China Standard Time", "Asia/Shanghai"),
    named("HKT", "Hong Kong Standard Time", "Asia/Hong_Kong"),
    named("SGT", "Singapore Standard Time", "Asia/Singapore"),
    named("PST", "Philippine Standard Time", "Asia/Manila"),
    named("ICT", "Indochina Time", "Asia/Bangkok"),
    named("WIB", "Western Indonesia Time", "Asia/Jakarta"),
    named("PKT", "Pakistan Standard Time", "Asia/Karachi"),
    named("BDT", "Bangladesh Standard Time", "Asia/Dhaka"),
    named("NPT", "Nepal Time", "Asia/Kathmandu"),
    named("UZT", "Uzbekistan Standard Time", "Asia/Tashkent"),
    named("GST", "Gulf Standard Time", "Asia/Dubai"),
    named("AST", "Arabian Standard Time", "Asia/Riyadh"),
    named("IST", "Israel Standard Time", "Asia/Jerusalem"),
    named("IDT", "Israel Daylight Time", "Asia/Jerusalem"),
    named("IRST", "Iran Standard Time", "Asia/Tehran"),
    named("AEST", "Australian Eastern Standard Time", "Australia/Sydney"),
    named("AEDT", "Australian Eastern Daylight Time", "Australia/Sydney"),
    named("ACST", "Australian Central Standard Time", "Australia/Adelaide"),
    named("ACDT", "Australian Central Daylight Time", "Australia/Adelaide"),
    named("AWST", "Australian Western Standard Time", "Australia/Perth"),
    named("NZST", "New Zealand Standard Time", "Pacific/Auckland"),
    named("NZDT", "New Zealand Daylight Time", "Pacific/Auckland"),
    named("SAST", "South Africa Standard Time", "Africa/Johannesburg"),
    named("WAT", "West Africa Standard Time", "Africa/Lagos"),
    named("CAT", "Central Africa Time", "Africa/Maputo"),
    named("EAT", "East Africa Time", "Africa/Nairobi"),
    named("BRT", "Brasilia Standard Time", "America/Sao_Paulo"),
    named("ART", "Argentina Standard Time", "America/Argentina/Buenos_Aires"),
    named("COT", "Colombia Standard Time", "America/Bogota"),
    named("PET", "Peru Standard Time", "America/Lima"),
    named("CLT", "Chile Standard Time", "America/Santiago"),
    named("CLST", "Chile Summer Time", "America/Santiago"),
    named("VET", "Venezuela Time", "America/Caracas"),
];

/// Names that do not tell summer from winter, by their standard or summer name.
const GENERIC: &[(&str, &str, &str)] = &[
    ("P", "PT", "Pacific Time"),
    ("M", "MT", "Mountain Time"),
    ("C", "CT", "Central Time"),
    ("E", "ET", "Eastern Time"),
    ("A", "AT", "Atlantic Time"),
];

/// The short name that Java prints for a zone whose abbreviation in the tz database is `abbreviation`.
pub(super) fn short<'a>(zone: &'a str, abbreviation: &'a str) -> &'a str {
    if abbreviation.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return abbreviation;
    }
    // Numeric in the tz database.
    let entries: Vec<&Named> = NAMES.iter().filter(|n| n.zone == zone).collect();
    match (zone, entries.as_slice()) {
        ("America/Santiago", _) => {
            if abbreviation == "-03" {
                "CLST"
            } else {
                "CLT"
            }
        }
        (_, [first, ..]) => first.short,
        (_, []) => zone,
    }
}

/// The full name of a short name in a zone.
pub(super) fn full(short: &str, zone: &str) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|n| n.short == short && n.zone == zone)
        .or_else(|| NAMES.iter().find(|n| n.short == short))
        .map(|n| n.full)
}

/// The generic name that goes with a short name of North America.
pub(super) fn generic(short: &str, full: bool) -> Option<&'static str> {
    let is_american = short.len() == 3 && (short.ends_with("ST") || short.ends_with("DT"));
    GENERIC
        .iter()
        .find(|(letter, _, _)| is_american && short.starts_with(letter))
        .map(|(_, brief, long)| if full { *long } else { *brief })
}

/// The name of a zone without rules.
pub(super) fn of_fixed(id: &str, full: bool) -> Option<&'static str> {
    match (id, full) {
        ("UTC", false) => Some("UTC"),
        ("UTC", true) => Some("Coordinated Universal Time"),
        ("GMT", false) => Some("GMT"),
        ("GMT", true) => Some("Greenwich Mean Time"),
        _ => None,
    }
}

/// The longest zone name or id at the start of `text`: the id of its zone and the length of the name.
pub(super) fn read(text: &str, names_too: bool) -> Option<(&'static str, usize)> {
    let matches = |name: &str| {
        text.get(..name.len())
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case(name))
    };
    let mut best: Option<(&'static str, usize)> = None;
    let mut consider = |zone: &'static str, name: &str| {
        if matches(name) && best.is_none_or(|(_, length)| name.len() > length) {
            best = Some((zone, name.len()));
        }
    };
    if names_too {
        for entry in NAMES {
            consider(entry.zone, entry.short);
            consider(entry.zone, entry.full);
        }
        for (letter, brief, long) in GENERIC {
            if let Some(entry) = NAMES.iter().find(|n| n.short.starts_with(letter)) {
                consider(entry.zone, brief);
                consider(entry.zone, long);
            }
        }
    }
    // Ids of the tz database start with a letter; most texts here do not.
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        for tz in TZ_VARIANTS {
            consider(tz.name(), tz.name());
        }
    }
    best
}
