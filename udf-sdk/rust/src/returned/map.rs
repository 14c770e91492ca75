//! MAP results.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use std::collections::HashMap;

use super::validity::OwnValidity;
use super::{Builder, Built, Return};
use crate::argument::{Argument, Map, map_sql_type};
use crate::descriptor::Descriptor;

/// Maps: their entries one after the other.
#[derive(Debug)]
pub struct MapBuilder<K, V> {
    keys: K,
    values: V,
    /// Where the host finds the descriptions of keys and values; boxed, so that they stay where they are.
    children: Box<[Descriptor; 2]>,
    count: usize,
    offsets: Vec<i32>,
    validity: OwnValidity,
}

impl<K: Default, V: Default> Default for MapBuilder<K, V> {
    fn default() -> Self {
        MapBuilder {
            keys: K::default(),
            values: V::default(),
            children: Box::default(),
            count: 0,
            offsets: alloc::vec![0],
            validity: OwnValidity::default(),
        }
    }
}

/// A type that is a MAP: what its entries are, in which order.
trait Entries<K, V> {
    fn entries(self) -> impl Iterator<Item = (K, V)>;
}

impl<K, V> Entries<K, V> for BTreeMap<K, V> {
    fn entries(self) -> impl Iterator<Item = (K, V)> {
        self.into_iter()
    }
}

impl<K: Ord, V> Entries<K, V> for HashMap<K, V> {
    /// By key, so that equal maps give equal results.
    fn entries(self) -> impl Iterator<Item = (K, V)> {
        let mut entries: Vec<(K, V)> = self.into_iter().collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        entries.into_iter()
    }
}

impl<'a, K: Argument<'a>, V: Argument<'a>> Entries<K, V> for Map<'a, K, V> {
    fn entries(self) -> impl Iterator<Item = (K, V)> {
        self.iter()
    }
}

macro_rules! map_return {
    ([$($params:tt)*] $rust:ty) => {
        impl<$($params)*> Return for $rust {
            type Base = Self;
            type Store = Built<MapBuilder<<K as Return>::Builder, <V as Return>::Builder>>;
            type Builder = MapBuilder<<K as Return>::Builder, <V as Return>::Builder>;

            fn sql_type(out: &mut String) {
                map_sql_type(out, <K as Return>::sql_type, <V as Return>::sql_type);
            }

            #[inline(always)]
            fn base(self) -> Option<Self> {
                Some(self)
            }
        }
    };
}
map_return!([K: Return, V: Return] BTreeMap<K, V>);
map_return!([K: Return + Ord, V: Return] HashMap<K, V>);
map_return!(['a, K: Argument<'a> + Return, V: Argument<'a> + Return] Map<'a, K, V>);

macro_rules! map_builder {
    ([$($params:tt)*] $rust:ty) => {
        impl<$($params)*, KB: Builder<K>, VB: Builder<V>> Builder<$rust> for MapBuilder<KB, VB> {
            fn clear(&mut self) {
                self.keys.clear();
                self.values.clear();
                self.count = 0;
                self.offsets.truncate(1);
                self.validity.clear();
            }

            fn push(&mut self, value: $rust) {
                for (key, value) in value.entries() {
                    self.keys.push(key);
                    self.values.push(value);
                    self.count += 1;
                }
                self.offsets.push(self.count as i32);
                self.validity.push(true);
            }

            fn push_null(&mut self) {
                self.offsets.push(self.count as i32);
                self.validity.push(false);
            }

            fn describe(&mut self) -> Descriptor {
                *self.children = [self.keys.describe(), self.values.describe()];
                Descriptor {
                    offsets: self.offsets.as_ptr().expose_provenance(),
                    children: self.children.as_ptr().expose_provenance(),
                    ..self.validity.describe()
                }
            }
        }
    };
}
map_builder!([K, V] BTreeMap<K, V>);
map_builder!([K: Ord, V] HashMap<K, V>);
map_builder!(['a, K: Argument<'a>, V: Argument<'a>] Map<'a, K, V>);
