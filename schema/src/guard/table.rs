//! [`SpanTable`]: the spans of all keys and values of a text.
//!
//! One vector holds all nodes; a node knows its first child and its next sibling. A [`Place`]
//! walks from node to node; no paths of keys are stored.

use std::borrow::Cow;
use std::ops::Range;

/// The index of a node, or [`NodeId::NONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

impl NodeId {
    pub(super) const NONE: Self = Self(u32::MAX);

    /// Returns the id of this node after `shift` nodes have been put before it.
    fn moved(self, shift: u32) -> Self {
        if self == Self::NONE {
            self
        } else {
            Self(self.0 + shift)
        }
    }
}

#[derive(Debug)]
pub(crate) struct SpanTable<'t> {
    /// At most [`super::MAX_NODES`] for each file.
    nodes: Vec<Node<'t>>,
    root: NodeId,
}

impl Default for SpanTable<'_> {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            root: NodeId(0),
        }
    }
}

#[derive(Debug)]
pub(super) struct Node<'t> {
    key: Option<Cow<'t, str>>,
    key_span: Range<usize>,
    /// The span of the value. A missing value has the span of its key.
    span: Range<usize>,
    /// See [`super::WrittenScalar`].
    verbatim_start: Option<usize>,
    is_quoted: bool,
    /// For an alias, the value that it refers to, which is never an alias itself.
    alias_of: NodeId,
    first_child: NodeId,
    last_child: NodeId,
    next: NodeId,
}

impl<'t> Node<'t> {
    pub(super) fn new(span: Range<usize>) -> Self {
        Self {
            key: None,
            key_span: span.start..span.start,
            span,
            verbatim_start: None,
            is_quoted: false,
            alias_of: NodeId::NONE,
            first_child: NodeId::NONE,
            last_child: NodeId::NONE,
            next: NodeId::NONE,
        }
    }

    pub(super) fn verbatim_start(self, start: Option<usize>) -> Self {
        Self {
            verbatim_start: start,
            ..self
        }
    }

    pub(super) fn quoted(self, is_quoted: bool) -> Self {
        Self { is_quoted, ..self }
    }

    pub(super) fn alias_of(self, node: NodeId) -> Self {
        Self {
            alias_of: node,
            ..self
        }
    }

    pub(super) fn with_key(mut self, text: Cow<'t, str>, span: Range<usize>) -> Self {
        self.key = Some(text);
        if self.span.is_empty() {
            self.span = span.clone();
        }
        self.key_span = span;
        self
    }

    fn into_owned(self, start: usize) -> Node<'static> {
        let moved = |span: Range<usize>| span.start + start..span.end + start;
        Node {
            key: self.key.map(|key| Cow::Owned(key.into_owned())),
            key_span: moved(self.key_span),
            span: moved(self.span),
            verbatim_start: self.verbatim_start.map(|verbatim| verbatim + start),
            is_quoted: self.is_quoted,
            alias_of: self.alias_of,
            first_child: self.first_child,
            last_child: self.last_child,
            next: self.next,
        }
    }

    /// Moves the node to a table in which `shift` nodes are before its own.
    fn moved(self, shift: u32) -> Self {
        Self {
            alias_of: self.alias_of.moved(shift),
            first_child: self.first_child.moved(shift),
            last_child: self.last_child.moved(shift),
            next: self.next.moved(shift),
            ..self
        }
    }

    /// Returns an alias of this node, whose id is `id`. If this node is an alias, the result refers
    /// to the same value.
    fn shallow_copy(&self, id: NodeId) -> Self {
        Self {
            key: self.key.clone(),
            key_span: self.key_span.clone(),
            span: self.span.clone(),
            verbatim_start: self.verbatim_start,
            is_quoted: self.is_quoted,
            alias_of: if self.alias_of == NodeId::NONE {
                id
            } else {
                self.alias_of
            },
            first_child: NodeId::NONE,
            last_child: NodeId::NONE,
            next: NodeId::NONE,
        }
    }
}

impl<'t> SpanTable<'t> {
    /// Returns the whole document; `None` if it is empty.
    pub(crate) fn root(&self) -> Option<Place<'_>> {
        self.root_id().map(|node| Place { table: self, node })
    }

    pub(crate) fn root_id(&self) -> Option<NodeId> {
        (!self.nodes.is_empty()).then_some(self.root)
    }

    pub(crate) fn set_root(&mut self, root: NodeId) {
        self.root = root;
    }

    /// Returns the same table without references to the text. All spans are moved by `start`.
    pub(crate) fn into_owned(self, start: usize) -> SpanTable<'static> {
        let owned = self.nodes.into_iter().map(|node| node.into_owned(start));
        SpanTable {
            nodes: owned.collect(),
            root: self.root,
        }
    }

    /// Adds the nodes of another table. Returns its root; `None` if the other table is empty.
    pub(crate) fn absorb(&mut self, other: Self) -> Option<NodeId> {
        let root = other.root_id()?;
        let shift = self.nodes.len() as u32;
        let moved = other.nodes.into_iter().map(|node| node.moved(shift));
        self.nodes.extend(moved);
        Some(root.moved(shift))
    }

    /// Removes a key of the root.
    pub(crate) fn remove(&mut self, key: &str) {
        let children = self.keyed_children(self.root);
        let root = self.add_like(self.root);
        for (_, child) in children.iter().filter(|(child, _)| child != key) {
            self.add_alias(root, *child);
        }
        self.root = root;
    }

    /// Adds a node with the key and the span of another one, and without children.
    pub(crate) fn add_like(&mut self, node: NodeId) -> NodeId {
        let copy = self
            .node(node)
            .map(|node| node.shallow_copy(NodeId::NONE).alias_of(NodeId::NONE));
        match copy {
            Some(copy) => self.add(NodeId::NONE, copy),
            None => NodeId::NONE,
        }
    }

    /// Adds a child that has the key, the span and the children of another node.
    pub(crate) fn add_alias(&mut self, parent: NodeId, node: NodeId) {
        if let Some(copy) = self.node(node).map(|found| found.shallow_copy(node)) {
            self.add(parent, copy);
        }
    }

    /// Returns the children of a mapping that have a key, with their keys.
    pub(crate) fn keyed_children(&self, id: NodeId) -> Vec<(String, NodeId)> {
        let target = self.node(id).map_or(NodeId::NONE, |node| node.alias_of);
        let parent = if target == NodeId::NONE { id } else { target };
        self.children(parent)
            .filter_map(|child| Some((self.key(child)?.to_owned(), child)))
            .collect()
    }

    pub(super) fn add(&mut self, parent: NodeId, node: Node<'t>) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node);
        let Some(parent) = self.node_mut(parent) else {
            return id;
        };
        let before = std::mem::replace(&mut parent.last_child, id);
        if before == NodeId::NONE {
            parent.first_child = id;
        }
        if let Some(before) = self.node_mut(before) {
            before.next = id;
        }
        id
    }

    /// Sets the span of a collection at its end. The collection ends with its bracket, or with its
    /// last child if it has no bracket. Without a bracket and an anchor, it begins with its first
    /// child.
    pub(super) fn close(&mut self, id: NodeId, end: &Range<usize>, has_anchor: bool) {
        let child = |id| {
            self.node(id)
                .map(|child: &Node<'_>| child.key_span.start..child.span.end)
        };
        let ends = self
            .node(id)
            .and_then(|node| child(node.first_child).zip(child(node.last_child)));
        let Some(node) = self.node_mut(id) else {
            return;
        };
        match ends {
            _ if !end.is_empty() => node.span.end = end.end,
            Some((_, last)) if has_anchor => node.span.end = last.end,
            Some((first, last)) => node.span = first.start..last.end,
            None => node.span.end = node.span.start,
        }
    }

    pub(super) fn key(&self, id: NodeId) -> Option<&str> {
        self.node(id)?.key.as_deref()
    }

    pub(crate) fn span(&self, id: NodeId) -> Range<usize> {
        self.node(id).map_or(0..0, |node| node.span.clone())
    }

    pub(crate) fn key_span(&self, id: NodeId) -> Range<usize> {
        self.node(id).map_or(0..0, |node| node.key_span.clone())
    }

    pub(super) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let first = self.node(id).map_or(NodeId::NONE, |node| node.first_child);
        std::iter::successors(Some(first), |child| self.node(*child).map(|node| node.next))
            .take_while(|child| *child != NodeId::NONE)
    }

    fn node(&self, id: NodeId) -> Option<&Node<'t>> {
        self.nodes.get(id.0 as usize)
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node<'t>> {
        self.nodes.get_mut(id.0 as usize)
    }
}

/// A key and value in the table, as a starting point for a walk to the values inside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    table: &'a SpanTable<'a>,
    node: NodeId,
}

impl<'a> Place<'a> {
    /// Returns the span of the value.
    pub(crate) fn span(self) -> Range<usize> {
        self.table.span(self.node)
    }

    /// Returns the key of this value; `None` for an item of a list.
    pub(crate) fn key(self) -> Option<&'a str> {
        self.table.key(self.node)
    }

    /// Returns the span of the key; empty for an item of a list.
    pub(crate) fn key_span(self) -> Range<usize> {
        self.table.key_span(self.node)
    }

    /// Returns whether this value is a text in quotes.
    pub(crate) fn is_quoted(self) -> bool {
        let node = self.table.node(self.node);
        node.is_some_and(|node| node.is_quoted)
    }

    /// Returns the span of what names this value: its key, or its own `name`, or else the whole
    /// value.
    pub(crate) fn head(self) -> Range<usize> {
        if self.key().is_some() {
            self.key_span()
        } else {
            self.child("name").unwrap_or(self).span()
        }
    }

    /// Returns the values in this list or mapping, or in the value that this alias refers to.
    pub(crate) fn children(self) -> impl Iterator<Item = Place<'a>> {
        let target = self
            .table
            .node(self.node)
            .map_or(NodeId::NONE, |node| node.alias_of);
        let parent = if target == NodeId::NONE {
            self.node
        } else {
            target
        };
        self.table.children(parent).map(move |node| Place {
            table: self.table,
            node,
        })
    }

    /// Returns the value of a key.
    pub(crate) fn child(self, key: &str) -> Option<Place<'a>> {
        self.children().find(|child| child.key() == Some(key))
    }

    /// Returns the value of a key, or this whole value if it has no such key.
    pub(crate) fn field(self, key: &str) -> Place<'a> {
        self.child(key).unwrap_or(self)
    }

    /// Returns the items of a list. A value without children is returned as the only item, because
    /// some keys take one value instead of a list.
    pub(crate) fn items(self) -> impl Iterator<Item = Place<'a>> {
        let single = self.children().next().is_none().then_some(self);
        self.children().chain(single)
    }

    /// Returns the span of a part of a scalar. If the text does not contain the value byte by byte,
    /// for example because of escapes, returns the span of the whole scalar.
    pub(crate) fn part(self, offset: usize, length: usize) -> Range<usize> {
        match self
            .table
            .node(self.node)
            .and_then(|node| node.verbatim_start)
        {
            Some(start) => start + offset..start + offset + length,
            None => self.span(),
        }
    }
}
