//! What generated code calls. Private: it may change with every version, together with `rpcgen`.

use std::sync::Arc;

pub use client::arg::Arg;
#[cfg(feature = "async")]
pub use client::async_transport::{AsyncCarrier, AsyncTransport};
pub use client::installed;
pub use client::mock::Mock;
#[cfg(feature = "async")]
pub use client::request::{OverloadCall, Request, carry_request};
pub use client::transport::{Carrier, Transport};
use handler::Call;
pub use serde;
pub use wire::outbox::Outbox;
pub use wire::procedure::Procedure;
pub use wire::value::{DecodeError, Reader, Value, encode_count};

pub use crate::{
    __carried as carried, __enumeration as enumeration, __gather as gather,
    __overloads as overloads, __record as record, __spread as spread,
};

/// Returns a function that answers calls with `answer`. Each call gets its own reference to the
/// handler.
pub fn held_by<H, C, A, F>(
    handler: &Arc<H>,
    answer: C,
) -> impl Fn(Call, A) -> F + Send + Sync + use<H, C, A, F>
where
    H: Send + Sync,
    C: Fn(Arc<H>, Call, A) -> F + Send + Sync,
{
    let handler = Arc::clone(handler);
    move |call, arguments| answer(Arc::clone(&handler), call, arguments)
}

/// Implements the binary form of a generated struct, and passing it by reference.
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    ($record:ident, $($field:ident),*) => {
        impl $crate::private::Value for $record {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                $($crate::private::Value::encode(&self.$field, out);)*
            }

            fn decode(
                input: &mut $crate::private::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::private::DecodeError> {
                ::core::result::Result::Ok(Self { $($field: $crate::private::Value::decode(input)?,)* })
            }

            fn put(self, out: &mut $crate::private::Outbox) {
                $($crate::private::Value::put(self.$field, out);)*
            }

            fn has_block(&self) -> bool {
                false $(|| $crate::private::Value::has_block(&self.$field))*
            }
        }

        impl $crate::private::Arg<$record> for &$record {
            fn into_arg(self) -> $record {
                ::core::clone::Clone::clone(self)
            }
        }
    };
}

/// Implements the binary form of a generated enum, and passing it by reference.
#[doc(hidden)]
#[macro_export]
macro_rules! __enumeration {
    ($enumeration:ident) => {
        impl $crate::private::Value for $enumeration {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                $crate::private::encode_count(*self as ::core::primitive::usize, out);
            }

            fn decode(
                input: &mut $crate::private::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::private::DecodeError> {
                input.item(Self::ALL.len()).map(|place| Self::ALL[place])
            }
        }

        impl $crate::private::Arg<$enumeration> for &$enumeration {
            fn into_arg(self) -> $enumeration {
                *self
            }
        }

        impl ::core::fmt::Display for $enumeration {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

/// Declares the hidden methods of the trait of an overload set. They make a call with its
/// arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! __carried {
    () => {
        #[doc(hidden)]
        fn call(self, calls: &dyn Calls) -> ::core::result::Result<Self::Output, $crate::Error>;

        $crate::if_async! {
            #[doc(hidden)]
            fn request(self) -> $crate::private::Request<Self::Output>;
        }
    };
}

/// Implements the trait of an overload set for each form in which arguments may be passed.
#[doc(hidden)]
#[macro_export]
macro_rules! __overloads {
    ($arguments:ident: $(
        => $function:ident $procedure:ident $places:tt -> $returns:ty;
        $([$($generics:tt)*] $form:ty;)+
    )+) => {$($(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $arguments for $form {
            type Output = $returns;

            fn call(self, calls: &dyn Calls) -> ::core::result::Result<Self::Output, $crate::Error> {
                $crate::private::spread!(calls, $function, self, $places)
            }

            $crate::if_async! {
                fn request(self) -> $crate::private::Request<Self::Output> {
                    $crate::private::gather!(super::procedures::$procedure, self, $places)
                }
            }
        }
    )+)+};
}

/// Calls a function with the elements of a tuple, or with one value.
#[doc(hidden)]
#[macro_export]
macro_rules! __spread {
    ($calls:ident, $function:ident, $arguments:ident, [_: $ty:ty]) => {
        $calls.$function($crate::private::Arg::into_arg($arguments))
    };
    ($calls:ident, $function:ident, $arguments:ident, [$($place:tt: $ty:ty),*]) => {
        $calls.$function($($crate::private::Arg::into_arg($arguments.$place)),*)
    };
}

/// Returns the request for a procedure with the elements of a tuple, or with one value.
#[doc(hidden)]
#[macro_export]
macro_rules! __gather {
    ($procedure:path, $arguments:ident, [_: $ty:ty]) => {
        $crate::private::Request::new(&$procedure).argument::<$ty>($crate::private::Arg::into_arg($arguments))
    };
    ($procedure:path, $arguments:ident, [$($place:tt: $ty:ty),*]) => {
        $crate::private::Request::new(&$procedure)
            $(.argument::<$ty>($crate::private::Arg::into_arg($arguments.$place)))*
    };
}
