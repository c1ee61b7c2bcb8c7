//! What generated code calls. Private: it may change with every version, together with `rpcgen`.

#[cfg(feature = "async")]
mod request;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(feature = "async")]
pub use request::{Carried, Request, carry_async, carry_request};
use rpc_schema::Type;
pub use serde;

pub use crate::arg::Arg;
use crate::error::Error;
pub use crate::mock::Mock;
use crate::native::Call;
use crate::network::Network;
use crate::topology::Topology;
use crate::wire::block::BlockPlace;
pub use crate::wire::outbox::Outbox;
pub use crate::wire::value::{DecodeError, Reader, Value, encode_count};
pub use crate::{
    __carried as carried, __enumeration as enumeration, __gather as gather, __overloads as overloads,
    __record as record, __spread as spread,
};

/// One signature, as generated code knows it.
#[derive(Debug)]
pub struct Procedure {
    /// The service's name.
    pub service: &'static str,
    /// The procedure's name.
    pub rpc: &'static str,
    /// The types of the arguments, with what their names stand for.
    pub arguments: &'static [&'static str],
    /// The types of the returned values.
    pub returns: &'static [&'static str],
    /// The longest a call may take, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// What the texts mean, once somebody asked.
    types: OnceLock<Result<Types, Error>>,
    /// Its number in this process, from 1, once it was called.
    number: AtomicUsize,
    /// Where among a network's services its own was found last.
    pub(crate) hint: AtomicUsize,
}

/// The types of a signature.
#[derive(Debug)]
pub struct Types {
    /// Of the arguments, in order.
    pub arguments: Vec<Type>,
    /// Of the returned values, in order.
    pub returns: Vec<Type>,
    /// Where the last returned value may come in room of its own; see [`BlockPlace`].
    pub(crate) block: Option<BlockPlace>,
}

impl Procedure {
    /// A procedure; `rpcgen` writes this call.
    pub const fn new(
        service: &'static str,
        rpc: &'static str,
        arguments: &'static [&'static str],
        returns: &'static [&'static str],
    ) -> Self {
        Self {
            service,
            rpc,
            arguments,
            returns,
            deadline_ms: None,
            types: OnceLock::new(),
            number: AtomicUsize::new(0),
            hint: AtomicUsize::new(0),
        }
    }

    /// The same with a deadline.
    pub const fn deadline_ms(mut self, millis: u64) -> Self {
        self.deadline_ms = Some(millis);
        self
    }

    /// Its types.
    ///
    /// # Errors
    /// A text that is no type of this version.
    pub(crate) fn types(&self) -> Result<&Types, Error> {
        let parse = || {
            let (arguments, returns) = (parse_types(self.arguments)?, parse_types(self.returns)?);
            let block = BlockPlace::of(&returns);
            Ok(Types { arguments, returns, block })
        };
        self.types.get_or_init(parse).as_ref().map_err(Clone::clone)
    }

    /// Its place among the procedures that this process has called, from 0.
    pub(crate) fn number(&self) -> usize {
        static CALLED: AtomicUsize = AtomicUsize::new(0);
        let number = self.number.load(Ordering::Relaxed);
        if number > 0 {
            return number - 1;
        }
        let given = CALLED.fetch_add(1, Ordering::Relaxed) + 1;
        match self.number.compare_exchange(0, given, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => given - 1,
            Err(earlier) => earlier - 1,
        }
    }
}

fn parse_types(texts: &[&str]) -> Result<Vec<Type>, Error> {
    let parse =
        |text: &&str| Type::parse(text).map_err(|error| Error::configuration(format!("`{text}`: {error}")));
    texts.iter().map(parse).collect()
}

/// What takes calls to where they are answered.
pub trait Transport {
    /// Calls a procedure: `arguments` is the tuple of its arguments, nested where there are more than twelve; `R` is
    /// the returned value, a tuple of several, or `()`.
    fn carry<A: Value, R: Value>(&self, procedure: &'static Procedure, arguments: A) -> Result<R, Error>;
}

/// What has a transport; generated code gives it all calls of a service.
pub trait Carrier {
    /// Its kind of transport.
    type Transport: Transport;

    /// What its calls travel by.
    fn transport(&self) -> &Self::Transport;
}

impl Transport for Network {
    fn carry<A: Value, R: Value>(&self, procedure: &'static Procedure, arguments: A) -> Result<R, Error> {
        self.call_typed(procedure, arguments)
    }
}

/// The network that free functions call through.
pub fn installed(topology: &'static Topology) -> Result<Network, Error> {
    topology.installed()
}

/// Gives each call a hold of its own on the handler that answers it.
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

/// The binary form of a generated struct, and its being passed by reference.
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

/// The binary form of a generated enum, and its being passed by reference.
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

/// How arguments of overloads are carried: the hidden methods of their set's trait.
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

/// The forms in which the arguments of overloads may be passed, as implementations of their set's trait.
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

/// The request for a procedure with the elements of a tuple, or with one value.
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
