//! [`Workload`]: the files to check, and the requests to the Python processes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

use rpc_schema::diagnostic::{MAX_FINDINGS, MAX_LINE_CHARS};
use rpc_schema::model::{Code, Rpc, Service};
use rpc_schema::{Document, Expanded, MAX_SOURCE_BYTES, SourceFolder, Type};
use serde::Serialize;

use crate::{CONFORMANCE_PY, SIGNATURE_PY};

/// The modules of the Python program, in the order of their imports. The last one creates the
/// answers.
pub(crate) const PROGRAM: [(&str, &str); 4] = [
    ("rpc_signature", SIGNATURE_PY),
    ("rpc_conformance", CONFORMANCE_PY),
    ("rpc_imports", include_str!("../python/rpc_imports.py")),
    ("rpc_sources", include_str!("../python/rpc_sources.py")),
];

/// The files of one document that must be checked.
pub(crate) struct Workload<'d> {
    document: &'d Document,
    folder: SourceFolder,
    files: Vec<SourceFile<'d>>,
    /// The index in `files` of each path; `None` if there is no such file.
    by_path: HashMap<&'d str, Option<usize>>,
    /// The places in `init.yaml` to which findings refer by index.
    pub(crate) places: Vec<FilePlace<'d>>,
}

/// A place in `init.yaml` that names a file.
pub(crate) struct FilePlace<'d> {
    pub(crate) span: Range<usize>,
    pub(crate) path: &'d str,
    /// The procedure's name; `None` for a module.
    pub(crate) procedure: Option<&'d str>,
    /// Whether the path is written at this place. If it is not, the place is the procedure's name.
    pub(crate) is_written: bool,
}

/// The request to one Python process.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Request<'w> {
    program: &'w [(&'static str, &'static str)],
    services: Vec<ServiceFiles<'w>>,
    files: &'w [&'w SourceFile<'w>],
    max_findings: usize,
    max_line: usize,
}

/// The files of a service, relative to the folder of `init.yaml`. They are needed to resolve
/// imports.
#[derive(Serialize)]
struct ServiceFiles<'d> {
    name: &'d str,
    modules: &'d [String],
    /// The content of `rpc_types` on a server: the records and enumerations that the signatures of
    /// the sources mention, by name.
    types: BTreeMap<&'d str, TypeKind>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum TypeKind {
    Record,
    Enum,
}

/// A file to check. It is read once, even if several procedures share it.
#[derive(Serialize)]
pub(crate) struct SourceFile<'d> {
    pub(crate) path: &'d str,
    uses: Vec<FileUse<'d>>,
}

/// The use of a file by one service, as a module or as the source of procedures.
#[derive(Serialize)]
struct FileUse<'d> {
    service: &'d str,
    #[serde(skip)]
    service_index: usize,
    place: usize,
    procedures: Vec<Procedure<'d>>,
}

/// A procedure in the form that `check_source` in Python takes.
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

impl<'d> Workload<'d> {
    /// Collects the files of the chosen procedures and the modules of their services.
    pub(crate) fn of(document: &'d Document, only: impl Fn(usize, usize) -> bool) -> Self {
        let folder = document.real_folder();
        let mut workload = Self {
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
                workload.add_modules(index, service);
            }
            for (rpc, model) in chosen {
                workload.add_procedure(index, service, rpc, model);
            }
        }
        workload
    }

    /// Returns the number of files to read.
    pub(crate) fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Distributes the files in turn among `count` shares. Neighbouring files often have similar
    /// sizes, so the shares get similar sizes, too.
    pub(crate) fn shares(&self, count: usize) -> Vec<Vec<&SourceFile<'d>>> {
        (0..count)
            .map(|first| self.files.iter().skip(first).step_by(count).collect())
            .collect()
    }

    /// Returns the request to one process about these files.
    pub(crate) fn request(&self, files: &[&SourceFile<'d>]) -> Vec<u8> {
        let services: BTreeMap<_, _> = files
            .iter()
            .flat_map(|file| &file.uses)
            .map(|file_use| {
                (
                    file_use.service_index,
                    &self.document.schema.services[file_use.service_index],
                )
            })
            .collect();
        let services = services.into_values().map(ServiceFiles::new).collect();
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
                FilePlace {
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
        let file_use = self.add_use(
            index,
            service,
            FilePlace {
                span,
                path,
                procedure: Some(name),
                is_written,
            },
        );
        if let Some(file_use) = file_use {
            file_use.procedures.push(Procedure::new(place, model));
        }
    }

    /// Adds the use of a file by a service. The first place that names the file is the place for
    /// findings about the file itself. Returns `None` for a file that [`Document::check_files`]
    /// refuses.
    fn add_use(
        &mut self,
        service_index: usize,
        service: &'d Service,
        place: FilePlace<'d>,
    ) -> Option<&mut FileUse<'d>> {
        let path = place.path;
        let place_index = self.places.len();
        self.places.push(place);
        let file = *self.by_path.entry(path).or_insert_with(|| {
            let file_index = self.files.len();
            let file = self.document.folder().join(path);
            (is_readable(&file) && !self.folder.leads_out(path)).then(|| {
                self.files.push(SourceFile {
                    path,
                    uses: Vec::new(),
                });
                file_index
            })
        });
        let uses = &mut self.files[file?].uses;
        if uses
            .last()
            .is_none_or(|last| last.service_index != service_index)
        {
            let service = service.name.as_str();
            uses.push(FileUse {
                service,
                service_index,
                place: place_index,
                procedures: Vec::new(),
            });
        }
        uses.last_mut()
    }
}

impl SourceFile<'_> {
    /// Returns the index of the first place that names the file.
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
        let is_source = |rpc: &&Rpc| matches!(rpc.code, Code::Source(_));
        let sources = service.rpcs.iter().filter(is_source);
        let types = sources.flat_map(|rpc| {
            rpc.parameters
                .iter()
                .map(|parameter| &parameter.ty)
                .chain(&rpc.returns)
        });
        let types = named_types(types.collect());
        Self {
            name: service.name.as_str(),
            modules: &service.modules,
            types,
        }
    }
}

/// Returns the records and enumerations among these types and inside them.
fn named_types(mut open: Vec<&Type>) -> BTreeMap<&str, TypeKind> {
    let mut named = BTreeMap::new();
    while let Some(ty) = open.pop() {
        if let Some(name) = ty.name() {
            let kind = if matches!(ty, Type::Record(_)) {
                TypeKind::Record
            } else {
                TypeKind::Enum
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
