//! [`SpanTable`]: where everything in the text stands, by its path of keys and indices.
//!
//! One vector holds every node; a node knows its first child and its next sibling. A path costs
//! nothing until it is walked, which [`Place`] does.

use std::borrow::Cow;
use std::ops::Range;

/// Index of a node, or [`NodeId::NONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(u32);

impl NodeId {
    pub(super) const NONE: Self = Self(u32::MAX);
}

#[derive(Debug, Default)]
pub(crate) struct SpanTable<'t> {
    /// The first is the root. At most [`super::MAX_NODES`].
    nodes: Vec<Node<'t>>,
}

#[derive(Debug)]
pub(super) struct Node<'t> {
    key: Option<Cow<'t, str>>,
    key_span: Range<usize>,
    /// A value that is not there stands where its key does.
    span: Range<usize>,
    /// See [`super::Written`].
    verbatim: Option<usize>,
    /// What it stands for, which is itself no alias.
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
            verbatim: None,
            alias_of: NodeId::NONE,
            first_child: NodeId::NONE,
            last_child: NodeId::NONE,
            next: NodeId::NONE,
        }
    }

    pub(super) fn verbatim(self, start: Option<usize>) -> Self {
        Self {
            verbatim: start,
            ..self
        }
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
}

impl<'t> SpanTable<'t> {
    /// The whole document; `None` when there is nothing in it.
    pub(crate) fn root(&self) -> Option<Place<'_>> {
        (!self.nodes.is_empty()).then_some(Place {
            table: self,
            node: NodeId(0),
        })
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

    /// Ends a collection: at its bracket where it has one, else where its last child ends. Without
    /// a bracket and an anchor it begins where its first child does.
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

    pub(super) fn key_span(&self, id: NodeId) -> Range<usize> {
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

/// A node of the table, from which the walk goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    table: &'a SpanTable<'a>,
    node: NodeId,
}

impl<'a> Place<'a> {
    /// The bytes of the value.
    pub(crate) fn span(self) -> Range<usize> {
        self.table
            .node(self.node)
            .map_or(0..0, |node| node.span.clone())
    }

    /// The key that this is the value of.
    pub(crate) fn key(self) -> Option<&'a str> {
        self.table.key(self.node)
    }

    /// The bytes of the key; empty for an item of a list.
    pub(crate) fn key_span(self) -> Range<usize> {
        self.table.key_span(self.node)
    }

    /// What names this: its key, or its own `name`, or else the whole.
    pub(crate) fn head(self) -> Range<usize> {
        if self.key().is_some() {
            self.key_span()
        } else {
            self.child("name").unwrap_or(self).span()
        }
    }

    /// The values in this list or mapping, or in what this alias stands for.
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

    /// The value of a key.
    pub(crate) fn child(self, key: &str) -> Option<Place<'a>> {
        self.children().find(|child| child.key() == Some(key))
    }

    /// The value of a key, or this as a whole when it has no such key.
    pub(crate) fn field(self, key: &str) -> Place<'a> {
        self.child(key).unwrap_or(self)
    }

    /// The items of a list, or this alone where one value may stand for a list.
    pub(crate) fn items(self) -> impl Iterator<Item = Place<'a>> {
        let alone = self.children().next().is_none().then_some(self);
        self.children().chain(alone)
    }

    /// A part of a scalar's value, or the whole scalar where its value does not stand in the text
    /// letter by letter.
    pub(crate) fn part(self, offset: usize, length: usize) -> Range<usize> {
        match self.table.node(self.node).and_then(|node| node.verbatim) {
            Some(start) => start + offset..start + offset + length,
            None => self.span(),
        }
    }
}
