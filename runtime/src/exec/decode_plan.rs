//! Which columns of a stream or table must be decoded for a scan, and where each column of the scan comes from.

use crate::catalog::Definition;
use crate::types::schema::{Column, ColumnRole, ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART};

/// Where a column of the scan comes from.
#[derive(Debug, Clone)]
pub(super) enum ColumnSource {
    /// Number among the decoded key columns.
    Key(usize),
    /// Number among the decoded value columns.
    Value(usize),
    RowTime,
    RowPartition,
    RowOffset,
    Headers,
    /// The headers that a query passes on; beside the columns of the source.
    AllHeaders,
    Header(String),
    WindowStart,
    WindowEnd,
}

/// Collects which key and value columns must be decoded.
#[derive(Debug)]
pub(super) struct DecodePlan {
    pub(super) own_keys: Vec<Column>,
    pub(super) own_values: Vec<Column>,
    pub(super) roles: Vec<ColumnRole>,
    /// Positions among the key columns, in the order of first use.
    pub(super) keys: Vec<usize>,
    pub(super) values: Vec<usize>,
    pub(super) key_places: Vec<usize>,
    pub(super) value_places: Vec<usize>,
}

impl DecodePlan {
    pub(super) fn new(definition: &Definition) -> Self {
        let roles: Vec<ColumnRole> = definition
            .columns
            .iter()
            .map(|column| definition.stored_role(column))
            .collect();
        let places = |wanted: &ColumnRole| (0..roles.len()).filter(|i| roles[*i] == *wanted).collect();
        let key_places: Vec<usize> = places(&ColumnRole::Key);
        let value_places: Vec<usize> = places(&ColumnRole::Value);
        let pick = |places: &[usize]| places.iter().map(|i| definition.columns[*i].clone()).collect();
        Self {
            own_keys: pick(&key_places),
            own_values: pick(&value_places),
            roles,
            keys: vec![],
            values: vec![],
            key_places,
            value_places,
        }
    }

    /// Where the column at `position` of the query schema comes from; marks it for decoding.
    pub(super) fn source(&mut self, position: usize, name: &str) -> ColumnSource {
        let number_in = |places: &[usize], chosen: &mut Vec<usize>| {
            let own = places.iter().position(|place| *place == position).unwrap_or(0);
            chosen.iter().position(|already| *already == own).unwrap_or_else(|| {
                chosen.push(own);
                chosen.len() - 1
            })
        };
        match self.roles.get(position) {
            Some(ColumnRole::Key) => ColumnSource::Key(number_in(&self.key_places, &mut self.keys)),
            Some(ColumnRole::Value) => ColumnSource::Value(number_in(&self.value_places, &mut self.values)),
            Some(ColumnRole::Headers) => ColumnSource::Headers,
            Some(ColumnRole::Header(key)) => ColumnSource::Header(key.clone()),
            None => match name {
                ROWPARTITION => ColumnSource::RowPartition,
                ROWOFFSET => ColumnSource::RowOffset,
                WINDOWSTART => ColumnSource::WindowStart,
                WINDOWEND => ColumnSource::WindowEnd,
                other => {
                    debug_assert!(other == ROWTIME, "{other} is no pseudo-column");
                    ColumnSource::RowTime
                }
            },
        }
    }
}
