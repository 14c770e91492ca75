//! GEO_DISTANCE: the length of the shortest way over a globe.

use crate::function::column::Call;
use crate::function::definition::{Definition, define};
use crate::function::row_error::Fault;

/// Mean radius of the earth.
const RADIUS_KM: f64 = 6_371.0;
const RADIUS_MILES: f64 = 3_959.0;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define(
            "geo_distance",
            "the distance of (lat1, lon1) and (lat2, lon2) in degrees, in 'KM' or 'MILES'",
        )
        .on("(DOUBLE, DOUBLE, DOUBLE, DOUBLE) -> DOUBLE", |c| {
            let point = points(c);
            c.collect(|row| match point(row) {
                Some(p) => distance(p, RADIUS_KM).map(Some),
                None => Ok(None),
            })
        })
        .on("(DOUBLE, DOUBLE, DOUBLE, DOUBLE, STRING) -> DOUBLE", |c| {
            let point = points(c);
            let unit = c.reader::<&str>(4);
            c.collect(|row| match point(row) {
                Some(p) => distance(p, radius(unit.get(row))?).map(Some),
                None => Ok(None),
            })
        }),
    ]
}

/// The four coordinates of a row, where none is NULL.
fn points<'a>(call: &Call<'a>) -> impl Fn(usize) -> Option<[f64; 4]> + use<'a> {
    let readers = [0, 1, 2, 3].map(|index| call.reader::<f64>(index));
    move |row| {
        let [lat1, lon1, lat2, lon2] = &readers;
        Some([lat1.get(row)?, lon1.get(row)?, lat2.get(row)?, lon2.get(row)?])
    }
}

fn radius(unit: Option<&str>) -> Result<f64, Fault> {
    let unit = unit.unwrap_or("").trim();
    match unit.to_lowercase().as_str() {
        "" | "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" => Ok(RADIUS_KM),
        "mi" | "mile" | "miles" => Ok(RADIUS_MILES),
        _ => Err(format!("unit '{unit}' is unknown: use 'KM' or 'MILES'").into()),
    }
}

/// The haversine formula.
fn distance([lat1, lon1, lat2, lon2]: [f64; 4], radius: f64) -> Result<f64, Fault> {
    for (latitude, longitude) in [(lat1, lon1), (lat2, lon2)] {
        if latitude.abs() > 90.0 {
            return Err(format!("latitude {latitude} is outside of -90 to 90 degrees").into());
        }
        if longitude.abs() > 180.0 {
            return Err(format!("longitude {longitude} is outside of -180 to 180 degrees").into());
        }
    }
    let haversine = |angle: f64| (angle / 2.0).sin().powi(2);
    let a = haversine((lat2 - lat1).to_radians())
        + haversine((lon2 - lon1).to_radians()) * lat1.to_radians().cos() * lat2.to_radians().cos();
    Ok(2.0 * a.sqrt().asin() * radius)
}
