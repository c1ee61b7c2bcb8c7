//! Overload sets: one function for all overloads, the trait of its valid arguments, and the
//! implementations of the trait.
//!
//! ```text
//! pub fn add<A, B, R>(a: A, b: B) -> Result<R, Error> where (A, B): AddArgs<Output = R>
//!
//! impl<B: Arg<i64>> AddArgs for (i64, B)       the first argument selects: concrete types, one per form
//! impl<B: Arg<i64>> AddArgs for (&i64, B)      the second does not: anything that is an `Arg<i64>`
//! impl<B: Arg<String>> AddArgs for (&str, B)
//! ```
//!
//! Concrete types let the compiler choose an implementation for literals too, and infer the result.
//! Nothing else implements the trait, and the compiler suggests no implementation. So a call that
//! fits no overload is a single error, which lists the valid calls.

use proc_macro2::TokenStream;
use quote::quote;

use super::{emit_docs, type_parameter};
use crate::ident::RustName;
use crate::ir::{Overload, OverloadArgument, OverloadSet, Passing};
use crate::types::{Form, forms, parse_tokens, returns_in_text, type_in_text};

/// Maximum number of implementations of one overload. If there would be more, the less usual forms
/// of its arguments are left out.
pub const MAX_IMPLEMENTATIONS: usize = 64;

/// Name of the only parameter, if the arguments are passed as one value. The compiler shows it to
/// those who pass several arguments (E0061), and no note of this crate.
const TOGETHER: &str = "one_value_or_tuple";

/// Emits the free function of a set.
pub fn emit_function(set: &OverloadSet) -> TokenStream {
    let name = &set.name;
    let docs = emit_docs(&set.docs);
    let Generics {
        types,
        arguments,
        bound,
        ..
    } = generics(set);
    let bound = parse_tokens(&bound);
    let trait_name = &set.trait_name;
    quote! {
        #docs
        pub fn #name<#(#types,)* R>(#(#arguments: #types),*) -> Result<R, Error>
        where
            #bound: #trait_name<Output = R>,
        {
            Client::#name(&plumbing::client()?, #(#arguments),*)
        }
    }
}

/// Emits the client's method of a set.
pub fn emit_method(set: &OverloadSet) -> String {
    let OverloadSet {
        name,
        trait_name,
        path,
        ..
    } = set;
    let generics = generics(set);
    let (types, parameters) = generics.in_text();
    let Generics {
        arguments, bound, ..
    } = generics;
    let short = name.as_str();
    let arguments = texts(&arguments).join(", ");
    format!(
        "    /// Calls an overload of `{path}`; see [`{short}`](fn@{short}).\n    \
         pub fn {name}<{types}R>(&self, {parameters}) -> Result<R, Error> where {bound}: {trait_name}<Output = R> \
         {{ Calls::{name}(self, {arguments}) }}\n"
    )
}

/// Emits the method of a set in the trait `Calls`. It is provided by the trait: it calls the methods
/// of the overloads.
pub fn emit_provided_method(set: &OverloadSet) -> String {
    let OverloadSet {
        name, trait_name, ..
    } = set;
    let generics = generics(set);
    let (types, parameters) = generics.in_text();
    let Generics { bound, value, .. } = generics;
    format!(
        "    /// See [`Client::{}`].\n    fn {name}<{types}R>(&self, {parameters}) -> Result<R, Error> \
         where Self: Sized, {bound}: {trait_name}<Output = R> {{ {trait_name}::call({value}, self) }}\n",
        name.as_str()
    )
}

/// Emits the asynchronous client's method of a set. It is not an `async fn`, so that a wrong call is
/// a single error.
pub fn emit_async_method(set: &OverloadSet) -> String {
    let OverloadSet {
        name, trait_name, ..
    } = set;
    let generics = generics(set);
    let (types, parameters) = generics.in_text();
    let Generics { bound, value, .. } = generics;
    format!(
        "    /// See [`Client::{}`].\n    pub fn {name}<{types}R>(&self, {parameters}) \
         -> ::rpc_runtime::private::OverloadCall<'_, R> where {bound}: {trait_name}<Output = R> {{ \
         ::rpc_runtime::private::OverloadCall::by(&self.network, {trait_name}::request({value})) }}\n",
        name.as_str()
    )
}

/// The parameters of a set's function, and the type that must implement the trait.
struct Generics {
    types: Vec<RustName>,
    arguments: Vec<RustName>,
    /// The type that must implement the trait: that of the only argument, or the tuple of all.
    bound: String,
    /// The value of that type.
    value: String,
}

impl Generics {
    /// Returns the type parameters, each followed by a comma, and the parameters.
    fn in_text(&self) -> (String, String) {
        let types = self
            .types
            .iter()
            .fold(String::new(), |text, ty| text + &format!("{ty}, "));
        let parameters = self.arguments.iter().zip(&self.types);
        let parameters: Vec<String> = parameters
            .map(|(argument, ty)| format!("{argument}: {ty}"))
            .collect();
        (types, parameters.join(", "))
    }
}

fn generics(set: &OverloadSet) -> Generics {
    let arguments = match &set.passing {
        Passing::Separate(names) => names.clone(),
        Passing::Together => vec![RustName::new(TOGETHER)],
    };
    let types: Vec<RustName> = (0..arguments.len()).map(type_parameter).collect();
    let (bound, value) = match (types.as_slice(), arguments.as_slice()) {
        ([ty], [argument]) => (ty.to_string(), argument.to_string()),
        (types, arguments) => (in_tuple(&texts(types)), in_tuple(&texts(arguments))),
    };
    Generics {
        types,
        arguments,
        bound,
        value,
    }
}

/// Emits the trait of a set's valid arguments.
pub fn emit_trait(set: &OverloadSet) -> TokenStream {
    let OverloadSet {
        trait_name,
        path,
        valid,
        ..
    } = set;
    let docs = emit_docs(&set.trait_docs);
    let message = format!("`{path}` takes no such arguments");
    let valid = valid.iter().map(|call| format!("valid: {call}"));
    let together = matches!(set.passing, Passing::Together).then(|| {
        "the arguments are passed as one value: one as it is, several as a tuple, none as `()`"
            .to_owned()
    });
    let notes = valid.chain(together);
    quote! {
        #docs
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "no overload takes these arguments",
            #(note = #notes),*
        )]
        pub trait #trait_name {
            /// What the call returns.
            type Output;

            ::rpc_runtime::private::carried!();
        }
    }
}

/// Emits the implementations of a set's trait: for each overload a line for its signature, and a
/// line for each form in which its arguments may be passed.
pub fn emit_forms(set: &OverloadSet) -> String {
    let overloads: String = set
        .overloads
        .iter()
        .map(|overload| emit_overload(set, overload))
        .collect();
    format!("overloads! {{ {}:\n{overloads}}}\n", set.trait_name)
}

fn emit_overload(set: &OverloadSet, overload: &Overload) -> String {
    let Overload {
        function,
        procedure,
        arguments,
        ..
    } = overload;
    let is_bare = is_bare(set, overload);
    let field = |(position, argument): (usize, &OverloadArgument)| {
        let field = if is_bare {
            "_".to_owned()
        } else {
            position.to_string()
        };
        format!("{field}: {}", type_in_text(&argument.ty))
    };
    let fields: Vec<String> = arguments.iter().enumerate().map(field).collect();
    let fields = fields.join(", ");
    let returns = returns_in_text(&overload.returns);
    let forms: String = heads(overload)
        .iter()
        .map(|head| emit_form(head, is_bare))
        .collect();
    format!("    => {function} {procedure} [{fields}] -> {returns};\n{forms}")
}

fn emit_form(head: &[Position], is_bare: bool) -> String {
    let generics: Vec<&str> = head
        .iter()
        .filter_map(|position| position.generic.as_deref())
        .collect();
    let types: Vec<&str> = head.iter().map(|position| position.ty.as_str()).collect();
    let form = if is_bare {
        types.concat()
    } else {
        in_tuple(&types)
    };
    format!("    [{}] {form};\n", generics.join(", "))
}

/// Returns a tuple. A tuple of one element needs a comma, or it would be the element itself.
fn in_tuple<S: AsRef<str>>(elements: &[S]) -> String {
    let elements: Vec<&str> = elements.iter().map(AsRef::as_ref).collect();
    match elements.as_slice() {
        [one] => format!("({one},)"),
        several => format!("({})", several.join(", ")),
    }
}

fn texts(names: &[RustName]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Returns whether the only argument is passed bare, and not as a tuple of one element.
fn is_bare(set: &OverloadSet, overload: &Overload) -> bool {
    match &set.passing {
        Passing::Separate(names) => names.len() == 1,
        Passing::Together => overload.arguments.len() == 1,
    }
}

/// One argument in the head of an implementation: its generic parameter, if any, and its type.
#[derive(Clone)]
struct Position {
    generic: Option<String>,
    ty: String,
}

/// Returns every combination of the forms of the arguments that select the overload.
fn heads(overload: &Overload) -> Vec<Vec<Position>> {
    let mut positions: Vec<Vec<Position>> = overload
        .arguments
        .iter()
        .enumerate()
        .map(|(index, argument)| position_forms(index, argument))
        .collect();
    limit_combinations(&mut positions);
    positions.iter().fold(vec![Vec::new()], |heads, forms| {
        let extended = heads.iter().flat_map(|head| {
            forms
                .iter()
                .map(|form| head.iter().chain([form]).cloned().collect())
        });
        extended.collect()
    })
}

fn position_forms(index: usize, argument: &OverloadArgument) -> Vec<Position> {
    if !argument.discriminating {
        let name = type_parameter(index).to_string();
        let ty = type_in_text(&argument.ty);
        return vec![Position {
            generic: Some(format!("{name}: Arg<{ty}>")),
            ty: name,
        }];
    }
    let length = RustName::new(format!("N{index}"));
    let position = |Form { ty, has_length }: Form| Position {
        generic: has_length.then(|| format!("const {length}: usize")),
        ty,
    };
    forms(&argument.ty, length.as_str())
        .into_iter()
        .map(position)
        .collect()
}

fn limit_combinations(positions: &mut [Vec<Position>]) {
    let combinations = |positions: &[Vec<Position>]| {
        positions
            .iter()
            .try_fold(1_usize, |product, forms| product.checked_mul(forms.len()))
    };
    while combinations(positions).is_none_or(|count| count > MAX_IMPLEMENTATIONS) {
        let most = positions.iter().map(Vec::len).max().unwrap_or(0);
        for forms in positions.iter_mut() {
            forms.truncate((most - 1).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use rpc_schema::Type;

    use super::*;

    fn heads_of(types: &[&str]) -> Vec<String> {
        let argument = |text: &&str| OverloadArgument {
            ty: Type::parse(text).expect(text),
            discriminating: !text.starts_with("Optional"),
        };
        let arguments = types.iter().map(argument).collect();
        let overload = Overload {
            function: RustName::new("f"),
            procedure: RustName::new("F"),
            arguments,
            returns: Vec::new(),
        };
        let text = |head: &Vec<Position>| {
            let types: Vec<&str> = head.iter().map(|position| position.ty.as_str()).collect();
            types.join(", ")
        };
        heads(&overload).iter().map(text).collect()
    }

    #[test]
    fn an_argument_that_selects_has_every_form_and_another_is_generic() {
        assert_eq!(heads_of(&["int", "Optional[str]"]), ["i64, B", "&i64, B"]);
        assert_eq!(
            heads_of(&["bool", "int"]),
            ["bool, i64", "bool, &i64", "&bool, i64", "&bool, &i64"]
        );
        assert_eq!(heads_of(&[]), [""]);
    }

    #[test]
    fn less_usual_forms_are_left_out_above_the_limit() {
        assert_eq!(heads_of(&["int"; 6]).len(), MAX_IMPLEMENTATIONS);
        assert_eq!(heads_of(&["int"; 7]), [["i64"; 7].join(", ")]);
        assert_eq!(heads_of(&["str"; 4]).len(), 16);
        assert_eq!(heads_of(&["str", "str", "str"]).len(), 27);
        assert_eq!(heads_of(&["List[str]"; 2]).len(), 64);
    }
}
