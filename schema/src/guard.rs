//! The first reader of an `init.yaml`. In one pass over the events of the YAML parser, it refuses
//! texts that are ambiguous or too expensive to decode, and records the span of every key and
//! value.
//!
//! A decoder that builds values would keep the last of two equal keys, expand aliases without
//! limit, and recurse as deep as the text nests. The guard does none of this: for any text, its
//! memory is bounded by the limits below.

mod keys;
mod numbers;
mod offsets;
mod syntax;
mod table;
mod written;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Code, Finding, Findings};
use offsets::Offsets;
use table::Node;
pub(crate) use table::{NodeId, Place, SpanTable};
use written::WrittenScalar;

/// Maximum nesting depth of lists and mappings.
pub const MAX_DEPTH: usize = 64;

/// Maximum number of keys and values. An alias counts as the whole value that it refers to.
pub const MAX_NODES: usize = 1_000_000;

/// Returns the text that the guard's parser can read: the one tab after a `:` becomes a space. YAML
/// allows the tab, but this parser does not. No byte moves.
pub(crate) fn with_spaces_after_colons(text: &str) -> Cow<'_, str> {
    if text.contains(":\t") {
        Cow::Owned(text.replace(":\t", ": "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Checks a text, and returns the spans of its keys and values. `spaced` is the same text from
/// [`with_spaces_after_colons`].
///
/// # Errors
/// Returns everything that makes the text unfit for a decoder, in no particular order.
pub(crate) fn guard<'t>(text: &'t str, spaced: &'t str) -> Result<SpanTable<'t>, Findings> {
    let mut guard = Guard::new(text, spaced);
    guard.refuse_ambiguous_breaks();
    match guard.read_events() {
        Ok(()) if guard.findings.is_empty() => Ok(guard.table),
        _ => Err(guard.findings),
    }
}

/// Reading ends early, because of a finding after which the text makes no sense.
struct Stop;

struct Guard<'t> {
    text: &'t str,
    /// The text that the parser reads; its bytes are at the same offsets.
    spaced: &'t str,
    offsets: Offsets<'t>,
    table: SpanTable<'t>,
    /// The open lists and mappings, outermost first; at most [`MAX_DEPTH`].
    open: Vec<OpenCollection<'t>>,
    anchors: HashMap<usize, AnchoredValue>,
    nodes: usize,
    documents: usize,
    findings: Findings,
}

/// A list or mapping that has begun but not ended.
struct OpenCollection<'t> {
    node: NodeId,
    is_mapping: bool,
    /// Its `[` or `{`, if it is written in brackets.
    bracket: Option<Range<usize>>,
    /// The key whose value comes next.
    key: Option<PendingKey<'t>>,
    anchor: usize,
    /// `Guard::nodes` before the collection began.
    nodes_before: usize,
    /// The nesting depth of its content, with aliases expanded; at least 1.
    height: usize,
}

struct PendingKey<'t> {
    text: Cow<'t, str>,
    span: Range<usize>,
}

/// The value that an anchor marks, and that its aliases refer to.
#[derive(Clone, Copy)]
struct AnchoredValue {
    node: NodeId,
    nodes: usize,
    height: usize,
}

impl<'t> Guard<'t> {
    fn new(text: &'t str, spaced: &'t str) -> Self {
        Self {
            text,
            spaced,
            offsets: Offsets::new(text),
            table: SpanTable::default(),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            findings: Findings::default(),
        }
    }

    fn read_events(&mut self) -> Result<(), Stop> {
        if let Err(error) = self.read_events_of(self.spaced)? {
            self.refuse_before(&error)?;
            return self.stop(self.syntax_error(&error));
        }
        Ok(())
    }

    /// Reads the events of a text. The inner error comes from the parser.
    fn read_events_of(&mut self, text: &'t str) -> Result<Result<(), ScanError>, Stop> {
        for event in Parser::new_from_str(text) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => return Ok(Err(error)),
            };
            let start = self.offsets.byte(span.start.index());
            let end = self.offsets.byte(span.end.index()).max(start);
            self.event(event, start..end)?;
            if self.findings.is_full() {
                break;
            }
        }
        Ok(Ok(()))
    }

    /// Looks for a finding before the place of a parser error.
    ///
    /// The parser scans up to a line ahead of its events, because a later `:` turns a text into a
    /// key. So it can reach its own limit on open brackets before its events reach the mistake that
    /// the guard must report. This function reads the text before that bracket once more, where the
    /// parser cannot scan ahead.
    fn refuse_before(&mut self, error: &ScanError) -> Result<(), Stop> {
        let at = self.offsets.byte(error.marker().index());
        if !self.text[at..].starts_with(['[', '{']) {
            return Ok(());
        }
        self.table = SpanTable::default();
        let mut before = Guard::new(self.text, self.spaced);
        before.refuse_ambiguous_breaks();
        if let Err(Stop) = before.read_events_of(&self.spaced[..at]) {
            self.findings = before.findings;
            return Err(Stop);
        }
        Ok(())
    }

    /// Refuses characters that end a line in YAML 1.1 but not in YAML 1.2. One parser would read a
    /// comment where another one reads a key.
    fn refuse_ambiguous_breaks(&mut self) {
        if self.text.is_ascii() {
            return;
        }
        for (at, found) in self
            .text
            .match_indices(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'])
        {
            let message = format!(
                "YAML parsers disagree about the character `{}`",
                found.escape_unicode()
            );
            let hint = "remove it, or write it as an escape in a text in double quotes, as in `\"\\u2028\"`";
            self.findings
                .push(Finding::new(Code::Undecodable, at..at + found.len(), message).hint(hint));
        }
    }

    fn event(&mut self, event: Event<'t>, span: Range<usize>) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => self.document(span),
            Event::Scalar(value, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.scalar(value, style, anchor, span)
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.begin(false, anchor, span)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.begin(true, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end(&span);
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn document(&mut self, span: Range<usize>) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        let finding = Finding::new(Code::SecondDocument, span, "a second document begins here")
            .hint(
                "an init.yaml must be one document; remove the `---` and everything after it, or merge the two",
            );
        self.stop(finding)
    }

    fn scalar(
        &mut self,
        value: Cow<'t, str>,
        style: ScalarStyle,
        anchor: usize,
        span: Range<usize>,
    ) -> Result<(), Stop> {
        self.count(1, &span)?;
        let WrittenScalar {
            span,
            verbatim_start,
        } = WrittenScalar::new(self.text, span, &value, style);
        if self.expects_key() {
            self.note_anchor(anchor, NodeId::NONE, 1, 0);
            self.key(value, style, span);
            return Ok(());
        }
        if style == ScalarStyle::Plain && numbers::exceeds_64_bits(&value) {
            self.findings.push(numbers::too_large(&value, &span));
        }
        let node = Node::new(span)
            .verbatim_start(verbatim_start)
            .quoted(style != ScalarStyle::Plain);
        let node = self.add(node);
        self.note_anchor(anchor, node, 1, 0);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Stop> {
        let Some(&anchored) = self.anchors.get(&anchor) else {
            let finding = Finding::new(
                Code::SelfAlias,
                span,
                "this alias is inside the value that it refers to",
            );
            return self.stop(finding);
        };
        self.count(anchored.nodes, &span)?;
        self.check_depth(self.open.len() + anchored.height, &span)?;
        if self.expects_key() {
            let finding = Finding::new(
                Code::NonStringKey,
                span.clone(),
                "a key must not be an alias",
            )
            .hint("write the key out");
            self.findings.push(finding);
            self.set_key(PendingKey {
                text: Cow::Borrowed(&self.text[span.clone()]),
                span,
            });
            return Ok(());
        }
        if let Some(parent) = self.open.last_mut() {
            parent.height = parent.height.max(anchored.height + 1);
        }
        self.add(Node::new(span).alias_of(anchored.node));
        Ok(())
    }

    fn begin(&mut self, is_mapping: bool, anchor: usize, span: Range<usize>) -> Result<(), Stop> {
        if self.expects_key() {
            let kind = if is_mapping { "mapping" } else { "list" };
            let finding = Finding::new(
                Code::NonStringKey,
                span,
                format!("a key must be text, not a {kind}"),
            );
            return self
                .stop(finding.hint("`{...}` and `[...]` as a key, and `? `, are not supported"));
        }
        let nodes_before = self.nodes;
        self.count(1, &span)?;
        self.check_depth(self.open.len() + 1, &span)?;
        let bracket = self.text[span.clone()]
            .starts_with(['[', '{'])
            .then(|| span.start..span.start + 1);
        let node = self.add(Node::new(span));
        self.open.push(OpenCollection {
            node,
            is_mapping,
            bracket,
            key: None,
            anchor,
            nodes_before,
            height: 1,
        });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) {
        let Some(closed) = self.open.pop() else {
            return;
        };
        self.table.close(closed.node, span, closed.anchor != 0);
        if closed.is_mapping {
            self.refuse_duplicate_keys(closed.node);
        }
        self.note_anchor(
            closed.anchor,
            closed.node,
            self.nodes - closed.nodes_before,
            closed.height,
        );
        if let Some(parent) = self.open.last_mut() {
            parent.height = parent.height.max(closed.height + 1);
        }
    }

    fn expects_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.is_mapping && open.key.is_none())
    }

    fn set_key(&mut self, key: PendingKey<'t>) {
        if let Some(open) = self.open.last_mut() {
            open.key = Some(key);
        }
    }

    /// Adds a node as the next value of the innermost open collection.
    fn add(&mut self, mut node: Node<'t>) -> NodeId {
        let mut parent = NodeId::NONE;
        if let Some(open) = self.open.last_mut() {
            parent = open.node;
            if let Some(key) = open.key.take() {
                node = node.with_key(key.text, key.span);
            }
        }
        self.table.add(parent, node)
    }

    fn note_anchor(&mut self, anchor: usize, node: NodeId, nodes: usize, height: usize) {
        if anchor != 0 {
            self.anchors.insert(
                anchor,
                AnchoredValue {
                    node,
                    nodes,
                    height,
                },
            );
        }
    }

    fn count(&mut self, nodes: usize, span: &Range<usize>) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("the file has more than {MAX_NODES} keys and values");
        let finding = Finding::new(Code::TooManyNodes, span.clone(), message)
            .label("the limit is reached here");
        self.stop(finding.hint("each alias counts as the whole value that it refers to"))
    }

    fn check_depth(&mut self, depth: usize, span: &Range<usize>) -> Result<(), Stop> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        let message = format!("lists and mappings nest more than {MAX_DEPTH} levels deep");
        self.stop(
            Finding::new(Code::TooDeep, span.clone(), message).label("the limit is reached here"),
        )
    }

    /// Adds a finding and ends reading.
    fn stop(&mut self, finding: Finding) -> Result<(), Stop> {
        self.findings.push(finding);
        Err(Stop)
    }

    fn refuse_tag(&mut self, has_tag: bool, span: &Range<usize>) {
        if has_tag {
            let finding = Finding::new(Code::Tag, span.clone(), "tags are not supported")
                .hint("remove the word that begins with `!`");
            self.findings.push(finding);
        }
    }

    fn syntax_error(&self, error: &ScanError) -> Finding {
        let at = self.offsets.byte(error.marker().index());
        let bracket = self.open.last().and_then(|open| open.bracket.clone());
        syntax::finding(self.text, at, error.info(), bracket)
    }
}

#[cfg(test)]
mod tests;
