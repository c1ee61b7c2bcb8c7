//! [`Work`]: what is to be checked, and the requests that ask for it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

use rpc_schema::diagnostic::{MAX_FINDINGS, MAX_LINE_CHARS};
use rpc_schema::model::{Code, Rpc, Service};
use rpc_schema::{Document, Expanded, Folder, MAX_SOURCE_BYTES, Type};
use serde::Serialize;

use crate::{CONFORMANCE_PY, SIGNATURE_PY};

/// The modules that Python needs, each behind those it imports; the last one answers.
pub(crate) const PROGRAM: [(&str, &str); 4] = [
    ("rpc_signature", SIGNATURE_PY),
    ("rpc_conformance", CONFORMANCE_PY),
    ("rpc_imports", include_str!("../python/rpc_imports.py")),
    ("rpc_sources", include_str!("../python/rpc_sources.py")),
];

/// Everything that is to be checked in one document.
pub(crate) struct Work<'d> {
    document: &'d Document,
    folder: Folder,
    files: Vec<File<'d>>,
    /// Where in `files` a path is; `None` where there is no such file.
    by_path: HashMap<&'d str, Option<usize>>,
    /// What findings refer to, by number.
    pub(crate) places: Vec<Place<'d>>,
}

/// A place in `init.yaml` that names a file.
pub(crate) struct Place<'d> {
    pub(crate) span: Range<usize>,
    pub(crate) path: &'d str,
    /// The procedure's name; `None` for a module.
    pub(crate) procedure: Option<&'d str>,
    /// Whether the path itself is written there.
    pub(crate) is_written: bool,
}

/// What one Python process is asked.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Request<'w> {
    program: &'w [(&'static str, &'static str)],
    services: Vec<ServiceFiles<'w>>,
    files: &'w [&'w File<'w>],
    max_findings: usize,
    max_line: usize,
}

/// A service's files, relative to the folder of `init.yaml`; what its imports are resolved with.
#[derive(Serialize)]
struct ServiceFiles<'d> {
    name: &'d str,
    modules: &'d [String],
    /// Modules, data and sources.
    files: Vec<&'d str>,
    /// What a server's `rpc_types` has: the records and enumerations that the signatures of sources
    /// mention, by name.
    types: BTreeMap<&'d str, Kind>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Record,
    Enum,
}

/// A file that is read once, however many procedures share it.
#[derive(Serialize)]
pub(crate) struct File<'d> {
    pub(crate) path: &'d str,
    uses: Vec<Use<'d>>,
}

/// What one service has a file for.
#[derive(Serialize)]
struct Use<'d> {
    service: &'d str,
    #[serde(skip)]
    service_index: usize,
    place: usize,
    procedures: Vec<Procedure<'d>>,
}

/// A procedure, as `check_source` takes it.
#[derive(Serialize)]
struct Procedure<'d> {
    place: usize,
    name: &'d str,
    parameters: Vec<Parameter<'d>>,
    returns: Vec<String>,
}

#[derive(Serialize)]
struct Parameter<'d> {
    name: Option<&'d str>,
    #[serde(rename = "type")]
    type_text: String,
}

impl<'d> Work<'d> {
    /// The chosen procedures and the modules of their services.
    pub(crate) fn of(document: &'d Document, only: impl Fn(usize, usize) -> bool) -> Self {
        let folder = document.real_folder();
        let mut work = Self {
            document,
            folder,
            files: Vec::new(),
            by_path: HashMap::new(),
            places: Vec::new(),
        };
        for (index, service) in document.schema.services.iter().enumerate() {
            let chosen: Vec<_> = service
                .rpcs
                .iter()
                .enumerate()
                .filter(|(rpc, _)| only(index, *rpc))
                .collect();
            if !chosen.is_empty() {
                work.add_modules(index, service);
            }
            for (rpc, model) in chosen {
                work.add_procedure(index, service, rpc, model);
            }
        }
        work
    }

    /// How many files there are to read.
    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    /// The files in so many shares. They are dealt out like cards: neighbours are often of one
    /// size.
    pub(crate) fn shares(&self, count: usize) -> Vec<Vec<&File<'d>>> {
        (0..count)
            .map(|first| self.files.iter().skip(first).step_by(count).collect())
            .collect()
    }

    /// What one process is asked about these files.
    pub(crate) fn request(&self, files: &[&File<'d>]) -> Vec<u8> {
        let used: BTreeMap<_, _> = files
            .iter()
            .flat_map(|file| &file.uses)
            .map(|used| {
                (
                    used.service_index,
                    &self.document.schema.services[used.service_index],
                )
            })
            .collect();
        let services = used.into_values().map(ServiceFiles::new).collect();
        let request = Request {
            program: &PROGRAM,
            services,
            files,
            max_findings: MAX_FINDINGS,
            max_line: MAX_LINE_CHARS,
        };
        serde_json::to_vec(&request).unwrap_or_default()
    }

    fn add_modules(&mut self, index: usize, service: &'d Service) {
        let modules = service.modules.iter().enumerate();
        for (module, path) in modules.filter(|(_, path)| is_python(path)) {
            let span = self.document.module_span(index, module);
            self.add_use(
                index,
                service,
                Place {
                    span,
                    path,
                    procedure: None,
                    is_written: true,
                },
            );
        }
    }

    fn add_procedure(&mut self, index: usize, service: &'d Service, rpc: usize, model: &'d Rpc) {
        let Code::Source(path) = &model.code else {
            return;
        };
        let (span, is_written) = self.document.source_span(index, rpc);
        let name = model.name.as_str();
        let place = self.places.len();
        let used = self.add_use(
            index,
            service,
            Place {
                span,
                path,
                procedure: Some(name),
                is_written,
            },
        );
        if let Some(used) = used {
            used.procedures.push(Procedure::new(place, model));
        }
    }

    /// Notes that a service has a file; the first place where it says so stands for what is wrong
    /// with the file itself. A file that [`Document::check_files`] refuses is not noted.
    fn add_use(
        &mut self,
        service_index: usize,
        service: &'d Service,
        place: Place<'d>,
    ) -> Option<&mut Use<'d>> {
        let (path, number) = (place.path, self.places.len());
        self.places.push(place);
        let file = *self.by_path.entry(path).or_insert_with(|| {
            let number = self.files.len();
            let file = self.document.folder().join(path);
            (is_readable(&file) && !self.folder.leads_out(path)).then(|| {
                self.files.push(File {
                    path,
                    uses: Vec::new(),
                });
                number
            })
        });
        let uses = &mut self.files[file?].uses;
        if uses
            .last()
            .is_none_or(|last| last.service_index != service_index)
        {
            let service = service.name.as_str();
            uses.push(Use {
                service,
                service_index,
                place: number,
                procedures: Vec::new(),
            });
        }
        uses.last_mut()
    }
}

impl File<'_> {
    /// Where it is named first.
    pub(crate) fn place(&self) -> usize {
        self.uses.first().map_or(usize::MAX, |first| first.place)
    }
}

fn is_python(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "py")
}

fn is_readable(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|file| file.is_file() && file.len() <= MAX_SOURCE_BYTES)
}

impl<'d> ServiceFiles<'d> {
    fn new(service: &'d Service) -> Self {
        let sources = service.rpcs.iter().filter_map(|rpc| match &rpc.code {
            Code::Source(path) => Some((path, rpc)),
            Code::Native => None,
        });
        let types = sources.clone().flat_map(|(_, rpc)| {
            rpc.parameters
                .iter()
                .map(|parameter| &parameter.ty)
                .chain(&rpc.returns)
        });
        let types = named_types(types.collect());
        let sources = sources.map(|(path, _)| path);
        let files = service
            .modules
            .iter()
            .chain(&service.data)
            .chain(sources)
            .map(String::as_str)
            .collect();
        Self {
            name: service.name.as_str(),
            modules: &service.modules,
            files,
            types,
        }
    }
}

/// The records and enumerations among these types and inside them.
fn named_types(mut open: Vec<&Type>) -> BTreeMap<&str, Kind> {
    let mut named = BTreeMap::new();
    while let Some(ty) = open.pop() {
        if let Some(name) = ty.name() {
            let kind = if matches!(ty, Type::Record(_)) {
                Kind::Record
            } else {
                Kind::Enum
            };
            if named.insert(name, kind).is_some() {
                continue;
            }
        }
        open.extend(ty.parts());
    }
    named
}

impl<'d> Procedure<'d> {
    fn new(place: usize, rpc: &'d Rpc) -> Self {
        let parameters = rpc.parameters.iter().map(|parameter| Parameter {
            name: parameter.name.as_ref().map(rpc_schema::Name::as_str),
            type_text: Expanded(&parameter.ty).to_string(),
        });
        Self {
            place,
            name: rpc.name.as_str(),
            parameters: parameters.collect(),
            returns: rpc
                .returns
                .iter()
                .map(|ty| Expanded(ty).to_string())
                .collect(),
        }
    }
}
