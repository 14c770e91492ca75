//! Functions over time series: smoothing, differences, gaps, duplicates, anomalies, seasons, quantiles and a model's prediction.
//!
//! All but `predict`, `series` and `buckets` keep state per key or, the aggregates `vwap` and `quantile`, per group. State is bounded by the constants of a call.

use waterwheel_udf::plugin;

pub mod anomaly;
pub mod gaps;
pub mod json;
pub mod model;
pub mod quantile;
pub mod rows;
pub mod season;
pub mod smooth;
pub mod window;

use anomaly::{mad_flag, zscore, zscore_flag};
use gaps::{forward_fill, interpolate, is_duplicate};
use model::predict;
use quantile::{Sketch, running_median, running_quantile};
use rows::{buckets, series};
use season::{decompose, seasonal_diff};
use smooth::{Traded, cumulative_sum, ewma, lag_of, running_vwap};

plugin!(
    ewma,
    lag_of,
    cumulative_sum,
    running_vwap,
    Traded,
    zscore,
    zscore_flag,
    mad_flag,
    forward_fill,
    interpolate,
    is_duplicate,
    seasonal_diff,
    decompose,
    running_median,
    running_quantile,
    Sketch,
    series,
    buckets,
    predict
);
