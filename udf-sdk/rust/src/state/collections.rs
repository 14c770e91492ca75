//! Texts, lists, queues, sets, maps.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hash;
use std::collections::{HashMap, HashSet};

use super::{State, StateError, StateReader, save_state};

fn save_length(length: usize, out: &mut Vec<u8>) {
    // A plugin's memory holds no more than 2^32 of anything; in a test a longer collection would be a test of memory.
    (length as u32).save(out);
}

impl State for String {
    fn save(&self, out: &mut Vec<u8>) {
        save_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        let (length, _) = input.length()?;
        let bytes = input.take(length)?;
        core::str::from_utf8(bytes)
            .map(String::from)
            .map_err(|error| StateError(format!("a text is not UTF-8: {error}")))
    }
}

impl<T: State> State for Option<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(if bool::load(input)? {
            Some(T::load(input)?)
        } else {
            None
        })
    }
}

impl<T: State> State for Box<T> {
    fn save(&self, out: &mut Vec<u8>) {
        (**self).save(out);
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        T::load(input).map(Box::new)
    }
}

impl<T: State + Default + Copy, const N: usize> State for [T; N] {
    fn save(&self, out: &mut Vec<u8>) {
        for item in self {
            item.save(out);
        }
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut items = [T::default(); N];
        for item in &mut items {
            *item = T::load(input)?;
        }
        Ok(items)
    }
}

impl<T: State> State for Vec<T> {
    fn save(&self, out: &mut Vec<u8>) {
        save_length(self.len(), out);
        for item in self {
            item.save(out);
        }
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        let (length, room) = input.length()?;
        let mut items = Vec::with_capacity(room);
        for _ in 0..length {
            items.push(T::load(input)?);
        }
        Ok(items)
    }
}

impl<T: State> State for VecDeque<T> {
    fn save(&self, out: &mut Vec<u8>) {
        save_length(self.len(), out);
        for item in self {
            item.save(out);
        }
    }

    fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
        Vec::load(input).map(VecDeque::from)
    }
}

/// Sets and maps load as lists of their members. Those whose order is not their own are saved by the bytes of their members.
macro_rules! gathered {
    ([$($params:tt)*] $type:ty, $item:ty, |$self:ident, $out:ident| $save:block) => {
        impl<$($params)*> State for $type {
            fn save(&$self, $out: &mut Vec<u8>) $save

            fn load(input: &mut StateReader<'_>) -> Result<Self, StateError> {
                let (length, _) = input.length()?;
                (0..length).map(|_| <$item>::load(input)).collect()
            }
        }
    };
}

gathered!([T: State + Ord] BTreeSet<T>, T, |self, out| {
    save_length(self.len(), out);
    for item in self {
        item.save(out);
    }
});

gathered!([K: State + Ord, V: State] BTreeMap<K, V>, (K, V), |self, out| {
    save_length(self.len(), out);
    for (key, value) in self {
        key.save(out);
        value.save(out);
    }
});

gathered!([T: State + Eq + Hash] HashSet<T>, T, |self, out| {
    let mut items: Vec<Vec<u8>> = self.iter().map(save_state).collect();
    items.sort_unstable();
    save_length(items.len(), out);
    for item in items {
        out.extend_from_slice(&item);
    }
});

gathered!([K: State + Eq + Hash, V: State] HashMap<K, V>, (K, V), |self, out| {
    let mut entries: Vec<(Vec<u8>, &V)> = self.iter().map(|(key, value)| (save_state(key), value)).collect();
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    save_length(entries.len(), out);
    for (key, value) in entries {
        out.extend_from_slice(&key);
        value.save(out);
    }
});
