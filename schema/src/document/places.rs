//! Where the services of a checked file, and what they name, stand in its text.

use std::ops::Range;

use super::Document;
use crate::guard::Place;

/// The services, in the order of the model.
#[derive(Debug, Clone)]
pub(super) struct Places(Vec<ServicePlaces>);

#[derive(Debug, Clone)]
struct ServicePlaces {
    entry: Entry,
    modules: Vec<Range<usize>>,
    data: Vec<Range<usize>>,
    rpcs: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// What names it.
    head: Range<usize>,
    whole: Range<usize>,
    fields: Vec<(Box<str>, Range<usize>)>,
}

impl Places {
    pub(super) fn new(file: Place<'_>) -> Self {
        let services = file.child("services");
        Self(
            services
                .into_iter()
                .flat_map(Place::children)
                .map(ServicePlaces::new)
                .collect(),
        )
    }
}

impl ServicePlaces {
    fn new(at: Place<'_>) -> Self {
        let spans = |key| {
            at.child(key)
                .into_iter()
                .flat_map(Place::children)
                .map(Place::span)
                .collect()
        };
        Self {
            entry: Entry::new(at),
            modules: spans("modules"),
            data: spans("data"),
            rpcs: at
                .child("rpcs")
                .into_iter()
                .flat_map(Place::children)
                .map(Entry::new)
                .collect(),
        }
    }
}

impl Entry {
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
    /// The bytes of a service's name.
    pub fn service_name_span(&self, service: usize) -> Range<usize> {
        self.places
            .0
            .get(service)
            .map_or(0..0, |service| service.entry.head.clone())
    }

    /// The bytes of a key's value in a service (`tenants`, `provider`, ...), or of the whole
    /// service without that key.
    pub fn service_span(&self, service: usize, field: &str) -> Range<usize> {
        self.places
            .0
            .get(service)
            .map_or(0..0, |service| service.entry.span(field))
    }

    /// The bytes of a key's value in a procedure (`path`, `name`, ...), or of its whole entry
    /// without that key. Services and procedures are counted as in the model.
    pub fn rpc_span(&self, service: usize, rpc: usize, field: &str) -> Range<usize> {
        self.rpc_entry(service, rpc)
            .map_or(0..0, |entry| entry.span(field))
    }

    /// The bytes of a key's value in a procedure, if it has that key.
    pub(super) fn rpc_field(
        &self,
        service: usize,
        rpc: usize,
        field: &str,
    ) -> Option<Range<usize>> {
        self.rpc_entry(service, rpc)?.field(field)
    }

    fn rpc_entry(&self, service: usize, rpc: usize) -> Option<&Entry> {
        self.places.0.get(service)?.rpcs.get(rpc)
    }

    /// The bytes of one of a service's `modules`.
    pub fn module_span(&self, service: usize, module: usize) -> Range<usize> {
        self.places
            .0
            .get(service)
            .and_then(|service| service.modules.get(module))
            .map_or(0..0, Clone::clone)
    }

    /// The bytes of one of a service's `data` files.
    pub fn data_span(&self, service: usize, data: usize) -> Range<usize> {
        self.places
            .0
            .get(service)
            .and_then(|service| service.data.get(data))
            .map_or(0..0, Clone::clone)
    }
}
