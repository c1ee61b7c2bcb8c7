//! [`Arg`]: what may be passed to an overloaded call for a declared type.

/// `Self` may be passed where `T` is declared.
pub trait Arg<T> {
    /// The declared type's value.
    fn into_arg(self) -> T;
}

impl<T> Arg<T> for T {
    fn into_arg(self) -> T {
        self
    }
}
