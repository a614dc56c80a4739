//! A map of properties.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map by name, in the order of the names.
///
/// Made for what stacks are full of: small maps that are copied often and changed rarely. A copy shares the
/// entries until one of the two is changed; a hundred thousand resources with a dozen copies of their
/// properties each (declared, planned, journalled, recorded …) would otherwise take gigabytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PropertyMap<V>(Arc<Vec<(String, V)>>);

impl<V> PropertyMap<V> {
    /// An empty map.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.as_str().cmp(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.find(key).ok().map(|position| &self.0[position].1)
    }

    /// Whether there is such a key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries.
    pub fn iter(&self) -> Iter<'_, V> {
        let entry: fn(&(String, V)) -> (&String, &V) = |(key, value)| (key, value);
        self.0.iter().map(entry)
    }

    /// The keys.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &String> + ExactSizeIterator {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, in the order of the keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<V: Clone> PropertyMap<V> {
    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let position = self.find(key).ok()?;
        Some(&mut Arc::make_mut(&mut self.0)[position].1)
    }

    /// The value of a key, to be changed; made if there is none.
    pub fn get_or_insert_with(&mut self, key: &str, make: impl FnOnce() -> V) -> &mut V {
        let position = self.find(key);
        let entries = Arc::make_mut(&mut self.0);
        let position = position.unwrap_or_else(|position| {
            entries.insert(position, (key.to_owned(), make()));
            position
        });
        &mut entries[position].1
    }

    /// Sets a value, and returns the one that was there.
    pub fn insert(&mut self, key: String, value: V) -> Option<V> {
        let position = self.find(&key);
        let entries = Arc::make_mut(&mut self.0);
        match position {
            Ok(position) => Some(std::mem::replace(&mut entries[position].1, value)),
            Err(position) => {
                entries.insert(position, (key, value));
                None
            }
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let position = self.find(key).ok()?;
        Some(Arc::make_mut(&mut self.0).remove(position).1)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        Arc::make_mut(&mut self.0).iter_mut().map(|(_, value)| value)
    }

    /// Keeps the entries that fit.
    pub fn retain(&mut self, mut fits: impl FnMut(&String, &mut V) -> bool) {
        Arc::make_mut(&mut self.0).retain_mut(|(key, value)| fits(key, value));
    }
}

impl<V> Default for PropertyMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for PropertyMap<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl<V: Clone> Extend<(String, V)> for PropertyMap<V> {
    fn extend<I: IntoIterator<Item = (String, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<V> FromIterator<(String, V)> for PropertyMap<V> {
    /// Of entries with the same key the last one counts.
    fn from_iter<I: IntoIterator<Item = (String, V)>>(entries: I) -> Self {
        let mut sorted: Vec<(String, V)> = entries.into_iter().collect();
        if !sorted.is_sorted_by(|(left, _), (right, _)| left < right) {
            // The sort is stable: turned around, the last one of a key comes first and is kept.
            sorted.reverse();
            sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
            sorted.dedup_by(|(other, _), (kept, _)| other == kept);
        }
        sorted.shrink_to_fit();
        Self(Arc::new(sorted))
    }
}

impl<V, const N: usize> From<[(String, V); N]> for PropertyMap<V> {
    fn from(entries: [(String, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

/// The entries of a map.
type Iter<'a, V> = std::iter::Map<std::slice::Iter<'a, (String, V)>, fn(&(String, V)) -> (&String, &V)>;

impl<'a, V> IntoIterator for &'a PropertyMap<V> {
    type Item = (&'a String, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<V: Clone> IntoIterator for PropertyMap<V> {
    type Item = (String, V);
    type IntoIter = std::vec::IntoIter<(String, V)>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<V: Serialize> Serialize for PropertyMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for PropertyMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = std::collections::BTreeMap::<String, V>::deserialize(deserializer)?;
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Change {
        Insert(String, u8),
        Remove(String),
        Increment(String),
        Ensure(String),
        Keep(u8),
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let key = "[a-e]{0,2}";
        prop_oneof![
            (key, any::<u8>()).prop_map(|(key, value)| Change::Insert(key, value)),
            key.prop_map(Change::Remove),
            key.prop_map(Change::Increment),
            key.prop_map(Change::Ensure),
            any::<u8>().prop_map(Change::Keep),
        ]
    }

    fn same(map: &PropertyMap<u8>, model: &BTreeMap<String, u8>) -> bool {
        map.iter().eq(model) && map.keys().eq(model.keys()) && map.values().eq(model.values())
    }

    proptest! {
        #[test]
        fn it_is_like_the_map_of_the_standard_library(
            first in prop::collection::vec(("[a-e]{0,2}", any::<u8>()), 0..12),
            changes in prop::collection::vec(any_change(), 0..20),
        ) {
            let mut map: PropertyMap<u8> = first.iter().cloned().collect();
            let mut model: BTreeMap<String, u8> = first.into_iter().collect();
            prop_assert!(same(&map, &model));
            for change in changes {
                let (before, then) = (map.clone(), model.clone());
                match change {
                    Change::Insert(key, value) => {
                        prop_assert_eq!(map.insert(key.clone(), value), model.insert(key, value));
                    }
                    Change::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    Change::Increment(key) => {
                        let (one, other) = (map.get_mut(&key), model.get_mut(&key));
                        prop_assert_eq!(one.is_some(), other.is_some());
                        one.into_iter().chain(other).for_each(|value| *value = value.wrapping_add(1));
                    }
                    Change::Ensure(key) => {
                        let found = *map.get_or_insert_with(&key, || 7);
                        prop_assert_eq!(found, *model.entry(key).or_insert(7));
                    }
                    Change::Keep(above) => {
                        map.retain(|_, value| *value > above);
                        model.retain(|_, value| *value > above);
                    }
                }
                prop_assert!(same(&map, &model));
                // A copy stays as it was.
                prop_assert!(same(&before, &then));
            }
            let text = serde_json::to_string(&map).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&model).unwrap());
            prop_assert_eq!(serde_json::from_str::<PropertyMap<u8>>(&text).unwrap(), map.clone());
            prop_assert!(map.into_iter().eq(model));
        }
    }
}
