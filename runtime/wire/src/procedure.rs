//! [`Procedure`]: what generated code knows about a procedure.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rpc_schema::Type;

use crate::block::BlockPlace;

/// A procedure, as generated code knows it: its signature and what its caller may rely on.
#[derive(Debug)]
pub struct Procedure {
    /// The service's name.
    pub service: &'static str,
    /// The procedure's name.
    pub rpc: &'static str,
    /// The types of the arguments. Each text contains the definitions of the records and
    /// enumerations that it names.
    pub arguments: &'static [&'static str],
    /// The types of the returned values, in the same form.
    pub returns: &'static [&'static str],
    /// Maximum duration of a call, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Whether running the procedure twice has the effect of running it once.
    pub is_idempotent: bool,
    /// The parsed types, filled at the first use.
    types: OnceLock<Result<Types, InvalidType>>,
    /// The number of the procedure in this process, from 1. 0 before the first call.
    number: AtomicUsize,
    /// Where a client last found the provider. Only a hint for the next call.
    pub provider_hint: AtomicUsize,
}

/// The types of a signature.
#[derive(Debug)]
pub struct Types {
    /// The types of the arguments, in order.
    pub arguments: Vec<Type>,
    /// The types of the returned values, in order.
    pub returns: Vec<Type>,
    /// Where the last returned value may be read to memory of its own; see [`BlockPlace`].
    pub block: Option<BlockPlace>,
}

/// A type text that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {reason}")]
pub struct InvalidType {
    text: &'static str,
    reason: String,
}

impl Procedure {
    /// Returns a procedure. `rpcgen` writes calls of this function.
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
            is_idempotent: false,
            types: OnceLock::new(),
            number: AtomicUsize::new(0),
            provider_hint: AtomicUsize::new(0),
        }
    }

    /// Sets the maximum duration of a call.
    pub const fn deadline_ms(mut self, millis: u64) -> Self {
        self.deadline_ms = Some(millis);
        self
    }

    /// Declares that running the procedure twice has the effect of running it once.
    pub const fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Returns the parsed types.
    ///
    /// # Errors
    /// A text that this version does not know as a type.
    pub fn types(&self) -> Result<&Types, InvalidType> {
        let parse = || {
            let arguments = parse_types(self.arguments)?;
            let returns = parse_types(self.returns)?;
            let block = BlockPlace::of(&returns);
            Ok(Types {
                arguments,
                returns,
                block,
            })
        };
        self.types.get_or_init(parse).as_ref().map_err(Clone::clone)
    }

    /// Returns the position of the procedure among those that this process has called, from 0.
    pub fn number(&self) -> usize {
        static CALLED: AtomicUsize = AtomicUsize::new(0);
        let number = self.number.load(Ordering::Relaxed);
        if let Some(position) = number.checked_sub(1) {
            return position;
        }
        let position = CALLED.fetch_add(1, Ordering::Relaxed);
        let given = position.saturating_add(1);
        match self
            .number
            .compare_exchange(0, given, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => position,
            Err(earlier) => earlier.saturating_sub(1),
        }
    }
}

fn parse_types(texts: &[&'static str]) -> Result<Vec<Type>, InvalidType> {
    let parse = |text: &&'static str| {
        Type::parse(text).map_err(|error| InvalidType {
            text,
            reason: error.to_string(),
        })
    };
    texts.iter().map(parse).collect()
}
