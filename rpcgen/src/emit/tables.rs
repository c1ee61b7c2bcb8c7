//! What a reader of the stubs need not read, as text: a line for each procedure, and for each form
//! in which an overload takes its arguments. No formatter of Rust would make such tables of them.
//!
//! In modules of their own, whose names no procedure and no argument can take.

use rpc_schema::types::MAX_TUPLE_LEN;
use rpc_schema::{Expanded, Signature, Type};

use super::{calls, handler, overloads};
use crate::format::indent;
use crate::ir::{Function, Module};

const PLUMBING: &str = "\
use ::rpc_runtime::Error;
use ::rpc_runtime::private::{Carrier, Transport};

/// The client on the installed network.
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

const HELD: &str = "\
use ::std::sync::Arc;
use ::rpc_runtime::NativeService;
use ::rpc_runtime::private::held_by;
";

/// The modules `plumbing`, `procedures` and, where something is overloaded, `forms`.
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

/// How a client and its double come by their calls, and a provider by its service.
fn emit_plumbing(module: &Module) -> String {
    let types = if module.has_named_types {
        ", types"
    } else {
        ""
    };
    let (handler, held) = if module.has_native() {
        (", Handler", HELD)
    } else {
        ("", "")
    };
    let imports =
        format!("use super::{{Calls, Client{handler}, Mock, procedures{types}}};\n{held}");
    let carried = calls::emit_carried(module);
    let async_carried = calls::emit_async_carried(module);
    let served = handler::emit_served(module);
    table(
        "plumbing",
        &format!("{imports}{PLUMBING}\n{carried}{async_carried}{served}"),
    )
}

/// Names as one tuple, nested since a tuple has at most twelve elements; its binary form is that of
/// the values in order.
pub fn as_tuple(names: &[String]) -> String {
    if names.len() <= MAX_TUPLE_LEN {
        let comma = if names.len() == 1 { "," } else { "" };
        return format!("({}{comma})", names.join(", "));
    }
    let share = names.len().div_ceil(MAX_TUPLE_LEN).max(MAX_TUPLE_LEN);
    let parts: Vec<String> = names.chunks(share).map(as_tuple).collect();
    as_tuple(&parts)
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

/// Its types say what their names stand for, so that a server with others can tell.
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

/// A number as it is read: `3_600_000`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_arguments_are_tuples_of_tuples() {
        let names = |count: usize| (0..count).map(|n| format!("a{n}")).collect::<Vec<_>>();
        assert_eq!(as_tuple(&[]), "()");
        assert_eq!(as_tuple(&names(1)), "(a0,)");
        assert_eq!(as_tuple(&names(2)), "(a0, a1)");
        assert_eq!(
            as_tuple(&names(13)),
            "((a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11), (a12,))"
        );
        assert_eq!(as_tuple(&names(1000)).matches('(').count(), 1 + 12 + 12 * 7);
    }
}
