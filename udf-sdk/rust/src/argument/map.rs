//! MAP arguments: a view (`Map<K, V>`) or owned (`BTreeMap`, `HashMap`).

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;
use core::hash::Hash;
use core::marker::PhantomData;
use std::collections::HashMap;

use super::{Argument, Column};
use crate::descriptor::{Descriptor, Validity};

/// One MAP value: entries are read where they lie, in the order in which they came.
pub struct Map<'a, K: Argument<'a>, V: Argument<'a>> {
    entries: &'a Entries<K::Column, V::Column>,
    from: usize,
    to: usize,
}

impl<'a, K: Argument<'a>, V: Argument<'a>> Map<'a, K, V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.to - self.from
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// The value of the first entry with this key.
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: PartialEq<Q>,
    {
        self.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The entries.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K, V)> + use<'a, K, V> {
        let entries = self.entries;
        // SAFETY: the entries of one value, all of which can be read.
        (self.from..self.to).map(move |at| unsafe { entries.read(at) })
    }
}

impl<'a, K: Argument<'a>, V: Argument<'a>> Clone for Map<'a, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, K: Argument<'a>, V: Argument<'a>> Copy for Map<'a, K, V> {}

impl<'a, K: Argument<'a> + fmt::Debug, V: Argument<'a> + fmt::Debug> fmt::Debug for Map<'a, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The two children of a MAP column.
#[derive(Debug)]
struct Entries<K, V> {
    keys: K,
    values: V,
}

impl<'a, K: Column<'a>, V: Column<'a>> Entries<K, V> {
    /// Entry `at`.
    ///
    /// # Safety
    /// There is one, and it can be read.
    #[inline(always)]
    unsafe fn read(&self, at: usize) -> (K::Item, V::Item) {
        // SAFETY: as the caller promises.
        unsafe { (self.keys.read::<true>(at), self.values.read::<true>(at)) }
    }
}

/// A MAP column read as views.
pub struct MapColumn<'a, K: Argument<'a>, V: Argument<'a>> {
    /// Boxed so that a [`Map`] can point at it.
    entries: Box<Entries<K::Column, V::Column>>,
    offsets: &'a [i32],
    validity: Validity<'a>,
}

impl<'a, K: Argument<'a>, V: Argument<'a>> Column<'a> for MapColumn<'a, K, V> {
    type Item = Map<'a, K, V>;
    const NESTED: bool = true;

    #[inline]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises; a map has two children.
        unsafe {
            let children = column.parts(2);
            let entries = Box::new(Entries {
                keys: K::Column::open(&children[0]),
                values: V::Column::open(&children[1]),
            });
            MapColumn {
                entries,
                offsets: column.starts(),
                validity: Validity::open(column),
            }
        }
    }

    #[inline(always)]
    fn base(&self, row: usize) -> usize {
        row & self.validity.mask
    }

    #[inline(always)]
    fn has_nulls(&self) -> bool {
        self.validity.has_nulls()
    }

    #[inline(always)]
    unsafe fn is_null(&self, at: usize) -> bool {
        self.validity.is_null(at)
    }

    fn sound_below(&self) -> bool {
        self.entries.keys.gapless() && self.entries.values.gapless()
    }

    unsafe fn complete_below(&self, at: usize) -> bool {
        // SAFETY: as the caller promises; offsets are inside of the entries.
        unsafe {
            let map = self.read::<true>(at);
            (map.from..map.to).all(|at| self.entries.keys.complete(at) && self.entries.values.complete(at))
        }
    }

    #[inline(always)]
    unsafe fn read<const NULLS: bool>(&self, at: usize) -> Self::Item {
        let at = at & self.validity.mask;
        // SAFETY: as the caller promises; there is one more offset than values. The columns of a call outlive its values: a
        // function sees a value only until it returns, and its result is copied out before the columns go.
        unsafe {
            let entries = &*core::ptr::from_ref::<Entries<_, _>>(&self.entries);
            let (from, to) = (*self.offsets.get_unchecked(at), *self.offsets.get_unchecked(at + 1));
            Map {
                entries,
                from: from as usize,
                to: to as usize,
            }
        }
    }
}

/// A MAP column read into maps of `std`.
pub struct CollectedMapColumn<'a, K: Argument<'a>, V: Argument<'a>, M>(MapColumn<'a, K, V>, PhantomData<M>);

impl<'a, K: Argument<'a>, V: Argument<'a>, M: FromIterator<(K, V)>> Column<'a> for CollectedMapColumn<'a, K, V, M> {
    type Item = M;
    const NESTED: bool = true;

    #[inline(always)]
    unsafe fn open(column: &'a Descriptor) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { MapColumn::open(column) }, PhantomData)
    }

    #[inline(always)]
    fn base(&self, row: usize) -> usize {
        self.0.base(row)
    }

    #[inline(always)]
    fn has_nulls(&self) -> bool {
        self.0.has_nulls()
    }

    #[inline(always)]
    unsafe fn is_null(&self, at: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.0.is_null(at) }
    }

    fn sound_below(&self) -> bool {
        self.0.sound_below()
    }

    unsafe fn complete_below(&self, at: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.0.complete_below(at) }
    }

    #[inline]
    unsafe fn read<const NULLS: bool>(&self, at: usize) -> M {
        // SAFETY: as the caller promises.
        unsafe { self.0.read::<NULLS>(at) }.iter().collect()
    }
}

/// Adds `MAP<K, V>` to `out`.
pub(crate) fn map_sql_type(out: &mut String, key: impl Fn(&mut String), value: impl Fn(&mut String)) {
    out.push_str("MAP<");
    key(out);
    out.push_str(", ");
    value(out);
    out.push_str(">");
}

macro_rules! map_argument {
    ([$($key_bound:tt)*] $rust:ty, $column:ty) => {
        impl<'a, K: Argument<'a> $($key_bound)*, V: Argument<'a>> Argument<'a> for $rust {
            type Column = $column;

            fn sql_type(out: &mut String) {
                map_sql_type(out, K::sql_type, V::sql_type);
            }
        }
    };
}
map_argument!([] Map<'a, K, V>, MapColumn<'a, K, V>);
map_argument!([+ Ord] BTreeMap<K, V>, CollectedMapColumn<'a, K, V, Self>);
map_argument!([+ Eq + Hash] HashMap<K, V>, CollectedMapColumn<'a, K, V, Self>);
