//! Overload sets: one function for all overloads, the trait of its valid arguments, and the trait's
//! implementations.
//!
//! ```text
//! pub fn add<A, B, R>(a: A, b: B) -> Result<R, Error> where (A, B): AddArgs<Output = R>
//!
//! impl<B: Arg<i64>> AddArgs for (i64, B)       the first argument decides: concrete types, one per form
//! impl<B: Arg<i64>> AddArgs for (&i64, B)      the second does not: whatever may be passed for an `i64`
//! impl<B: Arg<String>> AddArgs for (&str, B)
//! ```
//!
//! Concrete types let the compiler choose an implementation for literals too, and infer the result.
//! The trait is not implemented for anything else, and no implementation is recommended, so a call
//! that fits none is one error that lists the valid calls.

use proc_macro2::TokenStream;
use quote::quote;

use super::{emit_docs, type_parameter};
use crate::ident::RustName;
use crate::ir::{Overload, OverloadArgument, OverloadSet, Passing};
use crate::types::{Form, code, forms, returns_in_text, type_in_text};

/// How many implementations one overload may have. Beyond it the less usual forms of its arguments
/// are left out.
pub const MAX_IMPLEMENTATIONS: usize = 64;

/// The free function of a set.
pub fn emit_function(set: &OverloadSet) -> TokenStream {
    let name = &set.name;
    let docs = emit_docs(&set.docs);
    let Generics {
        types,
        arguments,
        bound,
        ..
    } = generics(set);
    let bound = code(&bound);
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

/// The client's method of a set.
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
    let (short, arguments) = (name.as_str(), texts(&arguments).join(", "));
    format!(
        "    /// Any overload of `{path}`; see [`{short}`](fn@{short}).\n    \
         pub fn {name}<{types}R>(&self, {parameters}) -> Result<R, Error> where {bound}: {trait_name}<Output = R> \
         {{ Calls::{name}(self, {arguments}) }}\n"
    )
}

/// The method of a set that everything has which has the methods of its overloads.
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

/// The asynchronous client's method of a set. It is no `async fn`, so that a wrong call is one
/// error.
pub fn emit_async_method(set: &OverloadSet) -> String {
    let OverloadSet {
        name, trait_name, ..
    } = set;
    let generics = generics(set);
    let (types, parameters) = generics.in_text();
    let Generics { bound, value, .. } = generics;
    format!(
        "    /// See [`Client::{}`].\n    pub fn {name}<{types}R>(&self, {parameters}) \
         -> ::rpc_runtime::private::Carried<'_, R> where {bound}: {trait_name}<Output = R> {{ \
         ::rpc_runtime::private::Carried::by(&self.network, {trait_name}::request({value})) }}\n",
        name.as_str()
    )
}

/// The parameters of a set's function, and what the trait is asked of.
struct Generics {
    types: Vec<RustName>,
    arguments: Vec<RustName>,
    /// The type of what is passed: the only argument's, or the tuple of all.
    bound: String,
    /// What is passed.
    value: String,
}

impl Generics {
    /// The type parameters, each with a comma behind it, and the parameters.
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
        Passing::Together => vec![RustName::new("arguments")],
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

/// The trait of a set's valid arguments.
pub fn emit_trait(set: &OverloadSet) -> TokenStream {
    let OverloadSet {
        trait_name,
        path,
        valid,
        ..
    } = set;
    let docs = emit_docs(&set.trait_docs);
    let message = format!("`{path}` takes no such arguments");
    let notes = valid.iter().map(|call| format!("valid: {call}"));
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

/// The implementations of a set's trait, as lines of text: for each overload what it does, and a
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
    let bare = bare(set, overload);
    let in_place = |(place, argument): (usize, &OverloadArgument)| {
        let place = if bare {
            "_".to_owned()
        } else {
            place.to_string()
        };
        format!("{place}: {}", type_in_text(&argument.ty))
    };
    let places: Vec<String> = arguments.iter().enumerate().map(in_place).collect();
    let (places, returns) = (places.join(", "), returns_in_text(&overload.returns));
    let forms: String = heads(overload)
        .iter()
        .map(|head| emit_form(head, bare))
        .collect();
    format!("    => {function} {procedure} [{places}] -> {returns};\n{forms}")
}

fn emit_form(head: &[Position], bare: bool) -> String {
    let generics: Vec<&str> = head
        .iter()
        .filter_map(|position| position.generic.as_deref())
        .collect();
    let types: Vec<&str> = head.iter().map(|position| position.ty.as_str()).collect();
    let form = if bare {
        types.concat()
    } else {
        in_tuple(&types)
    };
    format!("    [{}] {form};\n", generics.join(", "))
}

/// A tuple of one has a comma, else it would be its element.
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

/// A single argument stands bare, not as a tuple of one.
fn bare(set: &OverloadSet, overload: &Overload) -> bool {
    match &set.passing {
        Passing::Separate(names) => names.len() == 1,
        Passing::Together => overload.arguments.len() == 1,
    }
}

/// One argument in the head of an implementation.
#[derive(Clone)]
struct Position {
    generic: Option<String>,
    ty: String,
}

/// Every combination of the forms of the arguments that decide.
fn heads(overload: &Overload) -> Vec<Vec<Position>> {
    let mut positions: Vec<Vec<Position>> = overload
        .arguments
        .iter()
        .enumerate()
        .map(|(place, argument)| position_forms(place, argument))
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

fn position_forms(place: usize, argument: &OverloadArgument) -> Vec<Position> {
    if !argument.discriminating {
        let (name, ty) = (
            type_parameter(place).to_string(),
            type_in_text(&argument.ty),
        );
        return vec![Position {
            generic: Some(format!("{name}: Arg<{ty}>")),
            ty: name,
        }];
    }
    let length = RustName::new(format!("N{place}"));
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
        let (function, procedure) = (RustName::new("f"), RustName::new("F"));
        let overload = Overload {
            function,
            procedure,
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
    fn the_arguments_that_decide_have_every_form_and_the_others_any() {
        assert_eq!(heads_of(&["int", "Optional[str]"]), ["i64, B", "&i64, B"]);
        assert_eq!(
            heads_of(&["bool", "int"]),
            ["bool, i64", "bool, &i64", "&bool, i64", "&bool, &i64"]
        );
        assert_eq!(heads_of(&[]), [""]);
    }

    #[test]
    fn beyond_the_limit_the_less_usual_forms_are_left_out() {
        assert_eq!(heads_of(&["int"; 6]).len(), MAX_IMPLEMENTATIONS);
        assert_eq!(heads_of(&["int"; 7]), [["i64"; 7].join(", ")]);
        assert_eq!(heads_of(&["str"; 4]).len(), 16);
        assert_eq!(heads_of(&["str", "str", "str"]).len(), 27);
        assert_eq!(heads_of(&["List[str]"; 2]).len(), 64);
    }
}
