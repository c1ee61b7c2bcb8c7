//! The spans of a checked file: where its services, files and procedures are in the text.

use std::ops::Range;

use super::Document;
use crate::guard::Place;

/// The spans of the services, in the order of the model.
#[derive(Debug, Clone)]
pub(super) struct DocumentSpans(Vec<ServiceSpans>);

#[derive(Debug, Clone)]
struct ServiceSpans {
    entry: EntrySpans,
    modules: Vec<Range<usize>>,
    data: Vec<Range<usize>>,
    rpcs: Vec<EntrySpans>,
}

#[derive(Debug, Clone)]
struct EntrySpans {
    /// The span of the name.
    head: Range<usize>,
    whole: Range<usize>,
    fields: Vec<(Box<str>, Range<usize>)>,
}

impl DocumentSpans {
    pub(super) fn new(file: Place<'_>) -> Self {
        let services = file.child("services");
        Self(
            services
                .into_iter()
                .flat_map(Place::children)
                .map(ServiceSpans::new)
                .collect(),
        )
    }
}

impl ServiceSpans {
    fn new(at: Place<'_>) -> Self {
        let spans = |key| {
            at.child(key)
                .into_iter()
                .flat_map(Place::children)
                .map(Place::span)
                .collect()
        };
        Self {
            entry: EntrySpans::new(at),
            modules: spans("modules"),
            data: spans("data"),
            rpcs: at
                .child("rpcs")
                .into_iter()
                .flat_map(Place::children)
                .map(EntrySpans::new)
                .collect(),
        }
    }
}

impl EntrySpans {
    fn new(at: Place<'_>) -> Self {
        let field = |child: Place<'_>| (child.key().unwrap_or_default().into(), child.span());
        Self {
            head: at.head(),
            whole: at.span(),
            fields: at.children().map(field).collect(),
        }
    }

    fn field(&self, field: &str) -> Option<Range<usize>> {
        self.fields
            .iter()
            .find(|(key, _)| **key == *field)
            .map(|(_, span)| span.clone())
    }

    fn span(&self, field: &str) -> Range<usize> {
        self.field(field).unwrap_or_else(|| self.whole.clone())
    }
}

impl Document {
    /// Returns the span of a service's name.
    pub fn service_name_span(&self, service: usize) -> Range<usize> {
        self.spans
            .0
            .get(service)
            .map_or(0..0, |service| service.entry.head.clone())
    }

    /// Returns the span of a key's value in a service (`tenants`, `provider`, ...), or of the whole
    /// service if it does not have that key.
    pub fn service_span(&self, service: usize, field: &str) -> Range<usize> {
        self.spans
            .0
            .get(service)
            .map_or(0..0, |service| service.entry.span(field))
    }

    /// Returns the span of a key's value in a procedure (`path`, `name`, ...), or of the whole
    /// procedure if it does not have that key. `service` and `rpc` are positions in the model.
    pub fn rpc_span(&self, service: usize, rpc: usize, field: &str) -> Range<usize> {
        self.rpc_entry(service, rpc)
            .map_or(0..0, |entry| entry.span(field))
    }

    /// Returns the span of a key's value in a procedure, if the procedure has that key.
    pub(super) fn rpc_field(
        &self,
        service: usize,
        rpc: usize,
        field: &str,
    ) -> Option<Range<usize>> {
        self.rpc_entry(service, rpc)?.field(field)
    }

    fn rpc_entry(&self, service: usize, rpc: usize) -> Option<&EntrySpans> {
        self.spans.0.get(service)?.rpcs.get(rpc)
    }

    /// Returns the span of one of a service's `modules`.
    pub fn module_span(&self, service: usize, module: usize) -> Range<usize> {
        self.spans
            .0
            .get(service)
            .and_then(|service| service.modules.get(module))
            .map_or(0..0, Clone::clone)
    }

    /// Returns the span of one of a service's `data` files.
    pub fn data_span(&self, service: usize, data: usize) -> Range<usize> {
        self.spans
            .0
            .get(service)
            .and_then(|service| service.data.get(data))
            .map_or(0..0, Clone::clone)
    }
}
