//! Examples of a call, each in a tab: what to paste, and it works.

mod json;
mod python;
mod rust;
mod sample;
mod shell;

use rpc_schema::model::{Client, Rpc};

use self::sample::Sample;
use super::html::Html;
use super::subject::{Overloads, Provided, Subject};

/// The tabs: the value by which script and style know a tab, and its title.
pub const LANGUAGES: [(&str, &str); 4] = [
    ("rust", "Rust"),
    ("python", "Python"),
    ("nc", "nc"),
    ("rpc-client", "rpc-client"),
];

/// One call to be shown.
struct Call<'a> {
    subject: &'a Subject<'a>,
    provided: &'a Provided<'a>,
    /// All procedures of the name.
    overloads: &'a Overloads<'a>,
    /// Which of them is called; `place < overloads.rpcs.len()`.
    place: usize,
    caller: &'a Client,
    arguments: Vec<Sample>,
}

/// Writes the examples of one of several overloads; nothing where nobody may call it.
pub fn write(
    html: &mut Html,
    subject: &Subject<'_>,
    provided: &Provided<'_>,
    overloads: &Overloads<'_>,
    place: usize,
) {
    let Some(caller) = caller(provided) else {
        return;
    };
    let Some(arguments) = sample::of(&overloads.rpcs[place].parameters) else {
        html.leaf(
            "p",
            &[("class", "hint")],
            "Its arguments are too large for an example.",
        );
        return;
    };
    let call = Call {
        subject,
        provided,
        overloads,
        place,
        caller,
        arguments,
    };
    html.element("div", &[("class", "examples")], |html| {
        html.element(
            "div",
            &[("class", "tabs"), ("aria-hidden", "true")],
            |html| {
                for (language, title) in LANGUAGES {
                    html.leaf("label", &[("for", language)], title);
                }
            },
        );
        html.leaf("button", &[("class", "copy"), ("type", "button")], "Copy");
        for (language, title) in LANGUAGES {
            let attributes = [
                ("data-language", language),
                ("role", "group"),
                ("aria-label", title),
            ];
            html.element("pre", &attributes, |html| {
                html.leaf("code", &[], &call.in_language(language));
            });
        }
    });
}

impl Call<'_> {
    fn in_language(&self, language: &str) -> String {
        match language {
            "rust" => rust::example(self),
            "python" => python::example(self),
            "nc" => shell::nc(self),
            _ => shell::rpc_client(self),
        }
    }

    fn rpc(&self) -> &Rpc {
        self.overloads.rpcs[self.place]
    }

    fn argument_types(&self) -> Vec<String> {
        self.rpc()
            .parameters
            .iter()
            .map(|parameter| parameter.ty.to_string())
            .collect()
    }
}

/// A client that may call the service, if possible one whose address can reach the provider's at
/// all.
fn caller<'a>(provided: &Provided<'a>) -> Option<&'a Client> {
    let reaches = |client: &&&Client| client.ip.is_ipv4() == provided.provider.address.is_ipv4();
    provided
        .tenants
        .iter()
        .find(reaches)
        .or(provided.tenants.first())
        .copied()
}
