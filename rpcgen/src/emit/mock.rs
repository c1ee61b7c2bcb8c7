//! `Mock`: replaces the client in tests, with a closure for each signature.

use super::arguments::as_tuple;
use crate::ident::RustName;
use crate::ir::{Function, Module};
use crate::types::{returns_in_text, type_in_text};

const HEAD: &str = "
/// Replaces [`Client`] in tests: closures answer the calls, and every call is recorded.
/// Clones share closures and recorded calls.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Mock {
    mock: ::rpc_runtime::private::Mock,
}

#[rustfmt::skip]
impl Mock {
    /// Creates a mock without answers.
    pub fn new() -> Self { <Self as Default>::default() }
    /// Returns every call so far, in order.
    #[must_use]
    pub fn recorded(&self) -> Vec<RecordedCall> { self.mock.recorded() }
";

/// Emits the mock and its setters, one line each.
pub fn emit_mock(module: &Module) -> String {
    let setters: String = module.functions().map(emit_setter).collect();
    format!("{HEAD}{setters}}}\n")
}

fn emit_setter(function: &Function) -> String {
    let Function {
        name,
        procedure,
        signature,
        answer,
        arguments,
        ..
    } = function;
    let setter = RustName::new(format!("on_{}", name.as_str()));
    let types: Vec<String> = signature.arguments.iter().map(type_in_text).collect();
    let types = types.join(", ");
    let returns = returns_in_text(&signature.returns);
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let tuple = as_tuple(&names);
    let names = names.join(", ");
    format!(
        "    /// Sets the answer to `{signature}`.\n    \
         pub fn {setter}(self, {answer}: impl Fn({types}) -> Result<{returns}, Error> + Send + Sync + 'static) -> Self \
         {{ Self {{ mock: self.mock.on(&procedures::{procedure}, move |{tuple}| {answer}({names})) }} }}\n"
    )
}
