//! EXPLODE and CUBE_EXPLODE, which DataFusion plans as unnest.

use datafusion::logical_expr::Unnest;

use super::{Lowering, Relation, arrow_schema};
use crate::operator::UnnestColumn;
use crate::plan::{Error, NodeKind};
use crate::types::storage::SourceKind;

impl Lowering {
    pub(super) fn unnest(&mut self, unnest: &Unnest) -> Result<Relation, Error> {
        let is_deep = unnest.list_type_columns.iter().any(|(_, list)| list.depth != 1);
        if is_deep || !unnest.struct_type_columns.is_empty() {
            return Err(Error::new("table-function-argument", "EXPLODE takes an array")
                .help("the fields of a struct s are columns by s->*"));
        }
        let input = self.node(&unnest.input)?;
        if input.kind == SourceKind::Table {
            return Err(Error::new(
                "table-function-on-table",
                "table functions are not possible on tables: their rows would have the same key",
            )
            .help("read a stream"));
        }
        let outputs = unnest.dependency_indices.iter().enumerate();
        let columns: Vec<UnnestColumn> = outputs
            .map(|(output, source)| {
                let name = unnest.schema.field(output).name();
                let mut lists = unnest.list_type_columns.iter();
                let is_list = lists.any(|(at, list)| at == source && list.output_column.name == *name);
                if is_list {
                    UnnestColumn::Elements(*source)
                } else {
                    UnnestColumn::Repeated(*source)
                }
            })
            .collect();
        let place_of = |place: &usize| {
            columns
                .iter()
                .position(|column| *column == UnnestColumn::Repeated(*place))
        };
        let key = input.key.map(|parts| {
            let moved = |places: &Vec<usize>| places.iter().filter_map(place_of).collect();
            parts.iter().map(moved).collect()
        });
        let schema = arrow_schema(&unnest.schema);
        let node = self.dataflow.add(NodeKind::Unnest(columns), vec![input.node], schema);
        Ok(Relation {
            node,
            kind: input.kind,
            key,
        })
    }
}
