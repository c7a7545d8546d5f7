//! Groups of customers by the values of attributes, each within the group of the attributes before it.

use std::collections::BTreeMap;

/// A tree of groups: all customers, then a group for each value of the first attribute, within it one for each value of
/// the second, and so on. No value (NULL) makes a group of its own.
#[derive(Debug, Clone)]
pub(crate) struct GroupTree {
    /// The first is that of all customers.
    groups: Vec<Group>,
}

#[derive(Debug, Clone, Default)]
struct Group {
    by_value: BTreeMap<String, usize>,
    of_null: Option<usize>,
}

impl Default for GroupTree {
    fn default() -> Self {
        Self { groups: vec![Group::default()] }
    }
}

impl GroupTree {
    /// The group of all customers.
    pub(crate) const ALL: usize = 0;

    /// Number of the group of `values`; groups that are not there yet are added.
    pub(crate) fn insert<'v>(&mut self, values: impl Iterator<Item = Option<&'v str>>) -> usize {
        let mut group = Self::ALL;
        for value in values {
            group = self.groups[group].child(value).unwrap_or_else(|| self.add(group, value));
        }
        group
    }

    /// Adds the group of `value` to that of number `parent`; its number.
    fn add(&mut self, parent: usize, value: Option<&str>) -> usize {
        let added = self.groups.len();
        self.groups.push(Group::default());
        match value {
            Some(value) => {
                self.groups[parent].by_value.insert(value.to_owned(), added);
            }
            None => self.groups[parent].of_null = Some(added),
        }
        added
    }

    /// Number of the narrowest group that is known of `values`.
    pub(crate) fn nearest<'v>(&self, mut values: impl Iterator<Item = Option<&'v str>>) -> usize {
        let mut group = Self::ALL;
        while let Some(child) = values.next().and_then(|value| self.groups[group].child(value)) {
            group = child;
        }
        group
    }

    /// Number of groups.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Every group with its values and the number of the one that it is within, those from the widest on.
    pub(crate) fn listed(&self) -> Vec<(usize, Vec<Option<String>>, Option<usize>)> {
        let mut listed = vec![(Self::ALL, Vec::new(), None)];
        let mut next = 0;
        while let Some((group, values, _)) = listed.get(next).cloned() {
            listed.extend(self.within(group).map(|(value, child)| {
                let values = values.iter().cloned().chain([value.map(str::to_owned)]).collect();
                (child, values, Some(group))
            }));
            next += 1;
        }
        listed
    }

    /// Values and numbers of the groups directly within `group`: NULL first, then by their UTF-8 bytes.
    pub(crate) fn within(&self, group: usize) -> impl Iterator<Item = (Option<&str>, usize)> {
        let Group { by_value, of_null } = &self.groups[group];
        of_null
            .iter()
            .map(|&child| (None, child))
            .chain(by_value.iter().map(|(value, &child)| (Some(value.as_str()), child)))
    }
}

impl Group {
    fn child(&self, value: Option<&str>) -> Option<usize> {
        match value {
            Some(value) => self.by_value.get(value).copied(),
            None => self.of_null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_a_group_and_an_unknown_value_is_with_its_parent() {
        let mut tree = GroupTree::default();
        let [law, none] = [Some("law"), None].map(|value| tree.insert([value, Some("small")].into_iter()));
        assert_eq!((tree.len(), tree.insert([Some("law"), Some("small")].into_iter())), (5, law));
        let nearest = |values: [Option<&str>; 2]| tree.nearest(values.into_iter());
        assert_eq!((nearest([Some("law"), Some("small")]), nearest([None, Some("small")])), (law, none));
        let parents: Vec<_> = tree.within(GroupTree::ALL).collect();
        assert_eq!(parents.iter().map(|(value, _)| *value).collect::<Vec<_>>(), [None, Some("law")]);
        assert_eq!(nearest([Some("law"), None]), parents[1].1);
        assert_eq!(nearest([Some("art"), Some("small")]), GroupTree::ALL);
        assert_eq!(GroupTree::default().nearest(std::iter::empty()), GroupTree::ALL);
        let listed: Vec<_> = tree.listed().into_iter().map(|(_, values, _)| values.len()).collect();
        assert_eq!(listed, [0, 1, 1, 2, 2]);
    }
}
