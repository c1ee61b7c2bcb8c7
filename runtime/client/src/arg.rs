//! [`Arg`]: which values may be passed to an overloaded call for a declared type.
//!
//! | declared | may be passed |
//! |---|---|
//! | any `T` | `T` |
//! | `i64`, `f64`, `bool`, `BTreeMap`, `Option`, tuples | also by reference |
//! | `String` | also `&str`, `&String` |
//! | `Vec<T>` | also `&Vec<S>`, `&[S]`, `[S; N]`, `&[S; N]`, if `S` may be passed for `T` |
//!
//! A `Vec` by value must be a `Vec` of the declared type, so that `vec![]` needs no annotation. If
//! an argument decides between overloads, `rpcgen` lists the forms one by one (in its `types.rs`).
//! Each of them is one of these forms.

use std::collections::BTreeMap;

/// `Self` may be passed where `T` is declared.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be passed where `{T}` is declared")]
pub trait Arg<T> {
    /// Returns the value of the declared type.
    fn into_arg(self) -> T;
}

impl<T> Arg<T> for T {
    fn into_arg(self) -> T {
        self
    }
}

impl Arg<String> for &str {
    fn into_arg(self) -> String {
        self.to_owned()
    }
}

impl<T, S: Arg<T> + Clone> Arg<Vec<T>> for &[S] {
    fn into_arg(self) -> Vec<T> {
        self.iter().cloned().map(S::into_arg).collect()
    }
}

impl<T, S: Arg<T> + Clone> Arg<Vec<T>> for &Vec<S> {
    fn into_arg(self) -> Vec<T> {
        self.as_slice().into_arg()
    }
}

impl<T, S: Arg<T>, const N: usize> Arg<Vec<T>> for [S; N] {
    fn into_arg(self) -> Vec<T> {
        self.into_iter().map(S::into_arg).collect()
    }
}

impl<T, S: Arg<T> + Clone, const N: usize> Arg<Vec<T>> for &[S; N] {
    fn into_arg(self) -> Vec<T> {
        self.as_slice().into_arg()
    }
}

/// References whose value is cloned. They are listed one by one, since a `&T` for every `T` would
/// overlap with the lists above.
macro_rules! by_reference {
    ($($ty:ty $(where $($parameter:ident)+)?;)+) => {$(
        impl$(<$($parameter: Clone),+>)? Arg<$ty> for &$ty {
            fn into_arg(self) -> $ty {
                self.clone()
            }
        }
    )+};
}

by_reference! {
    i64;
    f64;
    bool;
    String;
    Option<T> where T;
    BTreeMap<K, V> where K V;
    (A,) where A;
    (A, B) where A B;
    (A, B, C) where A B C;
    (A, B, C, D) where A B C D;
    (A, B, C, D, E) where A B C D E;
    (A, B, C, D, E, F) where A B C D E F;
    (A, B, C, D, E, F, G) where A B C D E F G;
    (A, B, C, D, E, F, G, H) where A B C D E F G H;
    (A, B, C, D, E, F, G, H, I) where A B C D E F G H I;
    (A, B, C, D, E, F, G, H, I, J) where A B C D E F G H I J;
    (A, B, C, D, E, F, G, H, I, J, K) where A B C D E F G H I J K;
    (A, B, C, D, E, F, G, H, I, J, K, L) where A B C D E F G H I J K L;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that a case reads as a call"
    )]
    fn check<T: PartialEq + std::fmt::Debug>(passed: impl Arg<T>, expected: T) {
        assert_eq!(passed.into_arg(), expected);
    }

    #[test]
    #[expect(
        clippy::needless_borrows_for_generic_args,
        reason = "the references are what is tested"
    )]
    fn values_and_references_become_the_declared_type() {
        check(1, 1_i64);
        check(&1_i64, 1_i64);
        check("a", "a".to_owned());
        check(&"a".to_owned(), "a".to_owned());
        check(None, None::<String>);
        check(&Some(1), Some(1));
        check(
            &BTreeMap::from([("a".to_owned(), 1.5)]),
            BTreeMap::from([("a".to_owned(), 1.5)]),
        );
        check(&(1, true), (1, true));
    }

    #[test]
    #[expect(
        clippy::needless_borrows_for_generic_args,
        reason = "the references are what is tested"
    )]
    fn lists_may_be_passed_as_arrays_and_slices() {
        let words = vec!["a".to_owned(), "b".to_owned()];
        check(["a", "b"], words.clone());
        check(&["a", "b"], words.clone());
        check(&words, words.clone());
        check(&words[..], words.clone());
        check(&vec!["a", "b"], words.clone());
        check(words.clone(), words);
        check(Vec::new(), Vec::<i64>::new());
        check([[1, 2], [3, 4]], vec![vec![1_i64, 2], vec![3, 4]]);
        check(b"ab", b"ab".to_vec());
        check(&b"ab"[..], b"ab".to_vec());
    }
}
