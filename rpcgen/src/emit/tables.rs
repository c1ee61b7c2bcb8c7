//! What a service consists of, as tables: its procedures, and the forms in which overloads take their arguments.
//!
//! They are text, a line for each entry, which no formatter of Rust would make of them.

use rpc_schema::{Expanded, Type};

use super::overloads;
use crate::format::indent;
use crate::ir::{Function, Module};

/// The modules `procedures` and `forms`; the second only where something is overloaded.
pub fn emit_tables(module: &Module) -> String {
    let procedures: String = module.functions().map(emit_procedure).collect();
    let mut text = table("procedures", "use ::rpc_runtime::private::Procedure;\n", &procedures);
    let forms: Vec<String> = module.overload_sets().map(overloads::emit_forms).collect();
    if !forms.is_empty() {
        text += &table("forms", &emit_imports(module), &forms.join("\n"));
    }
    text
}

fn table(name: &str, imports: &str, entries: &str) -> String {
    format!("\n#[rustfmt::skip]\nmod {name} {{\n{}}}\n", indent(&format!("{imports}\n{entries}")))
}

fn emit_imports(module: &Module) -> String {
    let mut names: Vec<String> = module.overload_sets().map(|set| set.trait_name.to_string()).collect();
    names.push("Calls".to_owned());
    names.extend(module.has_named_types.then(|| "types".to_owned()));
    format!("use ::rpc_runtime::private::{{Arg, overload}};\nuse super::{{{}}};\n", names.join(", "))
}

/// Its types say what their names stand for, so that a server with others can tell.
fn emit_procedure(function: &Function) -> String {
    let Function { procedure, signature, deadline_ms, .. } = function;
    let (service, rpc) = (&signature.service, &signature.rpc);
    let (arguments, returns) = (texts(&signature.arguments), texts(&signature.returns));
    let deadline =
        deadline_ms.map_or_else(String::new, |millis| format!(".deadline_ms({})", grouped(millis)));
    format!(
        "pub static {procedure}: Procedure = Procedure::new({service:?}, {rpc:?}, &[{arguments}], &[{returns}])\
         {deadline};\n"
    )
}

fn texts(types: &[Type]) -> String {
    let texts: Vec<String> = types.iter().map(|ty| format!("\"{}\"", Expanded(ty))).collect();
    texts.join(", ")
}

/// A number as it is read: `3_600_000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join("_")
}
