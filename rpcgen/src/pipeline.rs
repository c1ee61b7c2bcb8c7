//! The pipeline from `init.yaml` to Rust, on one screen.

use std::path::Path;

use rpc_schema::Document;

use crate::error::Error;
use crate::file::File;
use crate::files::{self, Origin};
use crate::lower::lower;
use crate::target::Target;
use crate::tenant;

/// Returns the stubs of an `init.yaml` as the files of a folder, `mod.rs` first. With a tenant, the
/// stubs contain only what that client may call.
///
/// # Errors
/// Returns what is wrong with the file, or an error if the file has no such client.
pub fn generate(init: impl AsRef<Path>, tenant: Option<&str>) -> Result<Vec<File>, Error> {
    let target = Target {
        tenant: tenant.map(str::to_owned),
        ..Target::default()
    };
    generate_for(init.as_ref(), &target)
}

/// Returns the stubs for a target as the files of a folder.
pub fn generate_for(init: &Path, target: &Target) -> Result<Vec<File>, Error> {
    let tenant = target.tenant.as_deref();
    let schema = load(init, tenant)?.schema;
    let root = lower(&schema, tenant);
    let files = files::as_folder(&root, &Origin::command(init, target));
    let rename = |file: File| File {
        text: target.runtime.rename_in(file.text),
        ..file
    };
    Ok(files.into_iter().map(rename).collect())
}

/// Returns the same stubs as one text, to include as the items of a module.
pub fn generate_one(document: &Document, target: &Target) -> Result<String, Error> {
    let tenant = target.tenant.as_deref();
    let schema = &document.schema;
    check_tenant(document, tenant)?;
    target.runtime.check_services(schema)?;
    let root = lower(schema, tenant);
    let text = files::as_single_file(&root, &Origin::build_script(document.path()));
    Ok(target.runtime.rename_in(text))
}

/// Loads the file, and checks that it has that client.
pub fn load(init: &Path, tenant: Option<&str>) -> Result<Document, Error> {
    let document = rpc_schema::load(init)?;
    check_tenant(&document, tenant)?;
    Ok(document)
}

fn check_tenant(document: &Document, tenant: Option<&str>) -> Result<(), Error> {
    match tenant {
        Some(tenant) => tenant::check(&document.schema, document.path(), tenant),
        None => Ok(()),
    }
}
