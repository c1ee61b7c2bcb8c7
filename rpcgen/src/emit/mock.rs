//! `Mock`: the client's double, with a closure for each signature.

use super::tables::as_tuple;
use crate::ident::RustName;
use crate::ir::{Function, Module};
use crate::types::{returns_in_text, type_in_text};

const HEAD: &str = "
/// A double of [`Client`] for tests: closures answer, and every call is remembered. Clones are the
/// same double.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Mock {
    mock: ::rpc_runtime::private::Mock,
}

#[rustfmt::skip]
impl Mock {
    /// A double that answers nothing yet.
    pub fn new() -> Self { <Self as Default>::default() }
    /// Every call so far, in order.
    #[must_use]
    pub fn recorded(&self) -> Vec<RecordedCall> { self.mock.recorded() }
";

/// The double and its setters, a line each.
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
    let (types, returns) = (types.join(", "), returns_in_text(&signature.returns));
    let names: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let (tuple, names) = (as_tuple(&names), names.join(", "));
    format!(
        "    /// Answers `{signature}`.\n    \
         pub fn {setter}(self, {answer}: impl Fn({types}) -> Result<{returns}, Error> + Send + Sync + 'static) -> Self \
         {{ Self {{ mock: self.mock.on(&procedures::{procedure}, move |{tuple}| {answer}({names})) }} }}\n"
    )
}
