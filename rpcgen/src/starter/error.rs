//! [`NewNetworkError`]: why no network was written.

use std::path::PathBuf;

/// Why no network was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewNetworkError {
    /// The folder has files, which are not overwritten.
    #[error("the folder `{}` is not empty; choose a new or an empty folder", .0.display())]
    NotEmpty(PathBuf),
    /// There is something else in the folder's place.
    #[error("`{}` is not a folder; choose a new or an empty folder", .0.display())]
    NotAFolder(PathBuf),
    /// The folder above the new one does not exist.
    #[error("there is no folder `{}`; make it first", .0.display())]
    NoParent(PathBuf),
    /// The folder that this program was compiled from is gone.
    #[error(
        "the clone from which this rpcgen was compiled is gone; give `--runtime PATH`, the folder \
         `runtime` of a clone"
    )]
    NoClone,
    /// A folder does not contain the crate that should be there.
    #[error(
        "there is no crate `{name}` in `{}`; `--runtime` takes the folder `runtime` of a clone, \
         with the folder `rpcgen` beside it",
        folder.display()
    )]
    NoCrate {
        /// The crate's name.
        name: &'static str,
        /// The folder.
        folder: PathBuf,
    },
    /// `Cargo.toml` is text, and the path is not.
    #[error("the path `{}` is not valid UTF-8, so Cargo.toml cannot name it", .0.display())]
    NotText(PathBuf),
    /// A file or a folder could not be read or written.
    #[error(transparent)]
    Io(#[from] crate::Error),
}
