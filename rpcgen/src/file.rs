//! [`File`]: one generated file.

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name inside the folder: `mod.rs`, `types.rs`, or that of a service, such as `svc1.rs`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}
