//! Signatures and types as HTML: `svc1.rpc1(a: int, b: List[str]) -> str`, with links to declared
//! types.

use rpc_schema::Type;
use rpc_schema::model::{Parameter, Rpc, Service};

use super::anchor;
use super::html::Html;

/// Maximum number of characters of a signature on one line. A longer one has a line per argument.
const MAX_LINE_CHARS: usize = 92;

/// Writes the signature of a procedure.
pub fn write(html: &mut Html, service: &Service, rpc: &Rpc) {
    let is_long = length(service, rpc) > MAX_LINE_CHARS;
    html.element(
        "code",
        &[(
            "class",
            if is_long {
                "signature long"
            } else {
                "signature"
            },
        )],
        |html| {
            html.leaf("span", &[("class", "of")], &format!("{}.", service.name));
            html.leaf("b", &[], rpc.name.as_str());
            html.text("(");
            for (index, parameter) in rpc.parameters.iter().enumerate() {
                let comma = if index + 1 < rpc.parameters.len() {
                    ", "
                } else {
                    ""
                };
                html.element("span", &[("class", "parameter")], |html| {
                    write_parameter(html, parameter);
                    html.text(comma);
                });
            }
            html.text(") ");
            html.leaf("span", &[("class", "arrow")], "->");
            html.text("\u{a0}");
            write_returns(html, &rpc.returns);
        },
    );
}

fn length(service: &Service, rpc: &Rpc) -> usize {
    let with_colon = |parameter: &Parameter| {
        parameter
            .name
            .as_ref()
            .map_or(0, |name| name.as_str().len() + 2)
    };
    let names: usize = rpc.parameters.iter().map(with_colon).sum();
    names + service.signature(rpc).to_string().len()
}

fn write_parameter(html: &mut Html, parameter: &Parameter) {
    if let Some(name) = &parameter.name {
        html.leaf("var", &[], name.as_str());
        html.text(": ");
    }
    write_type(html, &parameter.ty);
}

fn write_returns(html: &mut Html, returns: &[Type]) {
    match returns {
        [one] => write_type(html, one),
        several => {
            html.text("(");
            write_types(html, several);
            html.text(")");
        }
    }
}

/// Writes a type. The names of records and enumerations are links.
pub fn write_type(html: &mut Html, ty: &Type) {
    match ty {
        Type::Int | Type::Float | Type::Bool | Type::Str | Type::Bytes => {
            html.text(&ty.to_string());
        }
        Type::List(item) => write_brackets(html, "List[", std::slice::from_ref(&**item)),
        Type::Optional(item) => write_brackets(html, "Optional[", std::slice::from_ref(&**item)),
        Type::Dict(key, value) => {
            write_brackets(
                html,
                &format!("Dict[{key}, "),
                std::slice::from_ref(&**value),
            );
        }
        Type::Tuple(items) => write_brackets(html, "Tuple[", items),
        Type::Record(record) => anchor::link(html, &anchor::ty(record.name()), record.name()),
        Type::Enumeration(words) => anchor::link(html, &anchor::ty(words.name()), words.name()),
    }
}

fn write_brackets(html: &mut Html, opening: &str, items: &[Type]) {
    html.text(opening);
    write_types(html, items);
    html.text("]");
}

fn write_types(html: &mut Html, types: &[Type]) {
    for (index, ty) in types.iter().enumerate() {
        html.text(if index > 0 { ", " } else { "" });
        write_type(html, ty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_inside_a_type_are_links() {
        let ty = Type::parse("Dict[str, Tuple[int, List[Level{low}]]]").expect("a type");
        let mut html = Html::default();
        write_type(&mut html, &ty);
        let expected = "Dict[str, Tuple[int, List[<a href=\"#type-Level\">Level</a>]]]";
        assert_eq!(html.into_string(), expected);
    }
}
