//! The parts around the content: the head, the bar with the controls, the table of contents, the
//! title, the footer.

use rpc_schema::Name;

use super::anchor;
use super::example::LANGUAGES;
use super::html::Html;
use super::prose;
use super::subject::Subject;
use super::words::count;

/// Content security policy of the page. It forbids the browser to fetch anything.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// Number of characters of the file's hash that are shown.
const HASH_CHARS: usize = 12;

/// Writes the content of the `head` element.
pub fn write_head(html: &mut Html, subject: &Subject<'_>) {
    html.void("meta", &[("charset", "utf-8")]);
    html.void(
        "meta",
        &[
            ("name", "viewport"),
            ("content", "width=device-width, initial-scale=1"),
        ],
    );
    html.void(
        "meta",
        &[
            ("http-equiv", "Content-Security-Policy"),
            ("content", POLICY),
        ],
    );
    html.void(
        "meta",
        &[("name", "color-scheme"), ("content", "light dark")],
    );
    html.leaf("title", &[], &title(subject));
    html.void("link", &[("rel", "icon"), ("href", "data:,")]);
    html.opaque("style", include_str!("style.css"));
}

fn title(subject: &Subject<'_>) -> String {
    let folder = subject.folder.as_ref().unwrap_or(&subject.file);
    let name = subject.name.map_or(folder.as_str(), Name::as_str);
    match subject.tenant {
        Some(tenant) => format!("{name} for {tenant}"),
        None => name.to_owned(),
    }
}

/// Writes the bar: the title, the filter, the language of the examples, the theme.
pub fn write_bar(html: &mut Html, subject: &Subject<'_>) {
    html.leaf(
        "a",
        &[("class", "skip"), ("href", "#main")],
        "Skip to the content",
    );
    html.element("header", &[("class", "bar")], |html| {
        html.leaf(
            "a",
            &[("class", "home"), ("href", "#main")],
            &title(subject),
        );
        html.element("search", &[], write_filter);
        if subject.procedures() > 0 {
            write_languages(html);
        }
        let theme = [
            ("id", "theme"),
            ("type", "button"),
            ("hidden", ""),
            ("aria-label", "Theme: automatic"),
        ];
        html.leaf("button", &theme, "Auto");
    });
}

fn write_filter(html: &mut Html) {
    html.void(
        "input",
        &[
            ("id", "filter"),
            ("type", "search"),
            ("hidden", ""),
            ("placeholder", "Filter services, procedures, clients"),
            (
                "aria-label",
                "Filter services, procedures and clients by name",
            ),
            ("autocomplete", "off"),
            ("spellcheck", "false"),
        ],
    );
    html.leaf("output", &[("id", "found"), ("for", "filter")], "");
}

/// Writes the choice of the language for all examples of the page. The tabs of the examples are
/// labels of these inputs.
fn write_languages(html: &mut Html) {
    html.element("fieldset", &[("class", "languages")], |html| {
        html.leaf("legend", &[], "Examples in");
        for (index, (language, title)) in LANGUAGES.iter().enumerate() {
            let input = [
                ("type", "radio"),
                ("name", "language"),
                ("id", language),
                ("aria-label", title),
                ("checked", ""),
            ];
            html.void("input", if index == 0 { &input } else { &input[..4] });
            html.leaf("label", &[("for", language)], title);
        }
    });
}

/// Writes the table of contents.
pub fn write_contents(html: &mut Html, subject: &Subject<'_>) {
    html.element("nav", &[("aria-label", "Contents")], |html| {
        html.element("details", &[("id", "contents"), ("open", "")], |html| {
            html.leaf("summary", &[], "Contents");
            html.element("ul", &[], |html| {
                write_entry(html, "network", "Network", |_| {});
                write_entry(html, "services", "Services", |html| {
                    list(html, |html| write_services(html, subject));
                });
                if !subject.types.is_empty() {
                    write_entry(html, "types", "Types", |html| {
                        list(html, |html| write_types(html, subject));
                    });
                }
                write_entry(html, "clients", "Clients", |_| {});
                write_entry(html, "servers", "Servers", |_| {});
            });
        });
    });
}

fn write_entry(html: &mut Html, anchor: &str, title: &str, children: impl FnOnce(&mut Html)) {
    html.element("li", &[], |html| {
        html.leaf("a", &[("href", &format!("#{anchor}"))], title);
        children(html);
    });
}

fn list(html: &mut Html, write: impl FnOnce(&mut Html)) {
    html.element("ul", &[], write);
}

fn write_services(html: &mut Html, subject: &Subject<'_>) {
    for entry in &subject.services {
        let name = entry.service.name.as_str();
        write_entry(html, &anchor::service(&entry.service.name), name, |html| {
            html.leaf(
                "span",
                &[("class", "count")],
                &entry.service.rpcs.len().to_string(),
            );
        });
    }
}

fn write_types(html: &mut Html, subject: &Subject<'_>) {
    for declared in &subject.types {
        write_entry(
            html,
            &anchor::ty(&declared.name),
            declared.name.as_str(),
            |_| {},
        );
    }
}

/// Writes the page's own heading.
pub fn write_title(html: &mut Html, subject: &Subject<'_>) {
    html.element("header", &[("class", "title")], |html| {
        if subject.folder.is_some() || subject.name.is_some() {
            html.leaf("p", &[("class", "hint")], &subject.file);
        }
        html.leaf("h1", &[], &title(subject));
        prose::write(html, subject.doc);
        html.element("ul", &[("class", "counts")], |html| {
            write_counts(html, subject);
            html.element("li", &[], |html| write_hash(html, subject));
        });
        if let Some(tenant) = subject.tenant {
            html.element("p", &[], |html| {
                html.text("This page shows only what the client ");
                html.leaf("code", &[], tenant);
                html.text(" may call.");
            });
        }
    });
}

fn write_counts(html: &mut Html, subject: &Subject<'_>) {
    let counts = [
        (subject.clients.len(), "client"),
        (subject.servers.len(), "server"),
        (subject.services.len(), "service"),
        (subject.procedures(), "procedure"),
        (subject.types.len(), "type"),
    ];
    for (number, noun) in counts
        .into_iter()
        .filter(|(number, noun)| *number > 0 || *noun != "type")
    {
        html.leaf("li", &[], &count(number, noun));
    }
}

fn write_hash(html: &mut Html, subject: &Subject<'_>) {
    html.text("SHA-256 ");
    let short = subject.sha256.get(..HASH_CHARS).unwrap_or(subject.sha256);
    html.leaf("code", &[("title", subject.sha256)], short);
}

/// Writes the footer, which names the file of the page.
pub fn write_footer(html: &mut Html, subject: &Subject<'_>) {
    html.element("footer", &[], |html| {
        html.text("Generated by rpcgen from ");
        html.leaf("code", &[], &subject.file);
    });
}
