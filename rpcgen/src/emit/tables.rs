//! The parts of the stubs that nobody has to read: a line for each procedure, and for each form of
//! an overload's arguments. They are emitted as text, because no formatter lays out such tables.
//!
//! The tables are modules. No procedure and no argument can have the names of these modules.

use rpc_schema::{Expanded, Signature, Type};

use super::{calls, handler, overloads};
use crate::format::indent;
use crate::ir::{Function, Module};

const PLUMBING: &str = "\
use ::rpc_runtime::Error;
use ::rpc_runtime::private::{Carrier, Transport};

/// Returns a client on the installed network.
pub fn client() -> Result<Client, Error> {
    ::rpc_runtime::private::installed(&super::super::TOPOLOGY).map(|network| Client { network })
}
impl Carrier for Client {
    type Transport = ::rpc_runtime::Network;
    fn transport(&self) -> &Self::Transport { &self.network }
}
impl Carrier for Mock {
    type Transport = ::rpc_runtime::private::Mock;
    fn transport(&self) -> &Self::Transport { &self.mock }
}
";

const NATIVE_IMPORTS: &str = "\
use ::std::sync::Arc;
use ::rpc_runtime::NativeService;
use ::rpc_runtime::private::held_by;
";

/// Emits the modules `plumbing`, `procedures` and, if something is overloaded, `forms`.
pub fn emit_tables(module: &Module) -> String {
    let procedures: String = module.functions().map(emit_procedure).collect();
    let mut text = emit_plumbing(module)
        + &table(
            "procedures",
            &format!("use ::rpc_runtime::private::Procedure;\n{procedures}"),
        );
    let forms: Vec<String> = module.overload_sets().map(overloads::emit_forms).collect();
    if !forms.is_empty() {
        text += &table("forms", &(emit_imports(module) + &forms.join("\n")));
    }
    text
}

fn table(name: &str, text: &str) -> String {
    format!("\n#[rustfmt::skip]\nmod {name} {{\n{}}}\n", indent(text))
}

/// Emits the implementations behind the client, the mock and `serve`.
fn emit_plumbing(module: &Module) -> String {
    let types = if module.has_named_types {
        ", types"
    } else {
        ""
    };
    let (handler, native_imports) = if module.has_native() {
        (", Handler", NATIVE_IMPORTS)
    } else {
        ("", "")
    };
    let imports = format!(
        "use super::{{Calls, Client{handler}, Mock, procedures{types}}};\n{native_imports}"
    );
    let calls = calls::emit_calls_impl(module);
    let async_calls = calls::emit_async_calls_impl(module);
    let serve = handler::emit_serve(module);
    table(
        "plumbing",
        &format!("{imports}{PLUMBING}\n{calls}{async_calls}{serve}"),
    )
}

fn emit_imports(module: &Module) -> String {
    let mut names: Vec<String> = module
        .overload_sets()
        .map(|set| set.trait_name.to_string())
        .collect();
    names.push("Calls".to_owned());
    names.extend(module.has_named_types.then(|| "types".to_owned()));
    format!(
        "use ::rpc_runtime::private::{{Arg, overloads}};\nuse super::{{{}}};\n",
        names.join(", ")
    )
}

/// Emits the static of a procedure. Its types are written in full, with the fields of records, so
/// that a server with different types can detect the difference.
fn emit_procedure(function: &Function) -> String {
    let Function {
        procedure,
        signature,
        deadline_ms,
        is_idempotent,
        ..
    } = function;
    let Signature {
        service,
        rpc,
        arguments,
        returns,
    } = signature;
    let arguments = texts(arguments);
    let returns = texts(returns);
    let deadline = deadline_ms.map_or_else(String::new, |millis| {
        format!(".deadline_ms({})", grouped(millis))
    });
    let idempotent = if *is_idempotent { ".idempotent()" } else { "" };
    format!(
        "pub static {procedure}: Procedure = Procedure::new({service:?}, {rpc:?}, &[{arguments}], &[{returns}])\
         {deadline}{idempotent};\n"
    )
}

fn texts(types: &[Type]) -> String {
    let texts: Vec<String> = types
        .iter()
        .map(|ty| format!("\"{}\"", Expanded(ty)))
        .collect();
    texts.join(", ")
}

/// Returns a number with separators: `3_600_000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| str::from_utf8(group).ok())
        .collect();
    groups.join("_")
}
