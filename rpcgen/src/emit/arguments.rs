//! The arguments of a procedure as text: as parameters, and as one tuple.

use rpc_schema::types::MAX_TUPLE_LEN;

use crate::ir::Function;
use crate::types::type_in_text;

/// Emits the parameters after `&self`, with exactly their declared types.
pub fn emit_parameters(function: &Function) -> String {
    let typed = function.arguments.iter().zip(&function.signature.arguments);
    typed.fold(String::new(), |text, (name, ty)| {
        text + &format!(", {name}: {}", type_in_text(ty))
    })
}

/// Returns names as one tuple. More than twelve names become nested tuples, because a tuple has at
/// most twelve elements. Nesting does not change the binary form.
pub fn as_tuple(names: &[String]) -> String {
    if names.len() <= MAX_TUPLE_LEN {
        let comma = if names.len() == 1 { "," } else { "" };
        return format!("({}{comma})", names.join(", "));
    }
    let chunk_len = names.len().div_ceil(MAX_TUPLE_LEN).max(MAX_TUPLE_LEN);
    let parts: Vec<String> = names.chunks(chunk_len).map(as_tuple).collect();
    as_tuple(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_arguments_become_nested_tuples() {
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
