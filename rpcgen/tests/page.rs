//! The reference page: its content, and that no text of a file becomes markup.
//!
//! `UPDATE_GOLDENS=1 cargo test -p rpcgen --test page` updates the Rust examples. `goldens/lib.rs`
//! compiles them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rpc_schema::Document;
use rpcgen::page;

const CASES: [&str; 4] = ["names", "overloads", "records", "types"];

fn golden(case: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens")
        .join(case)
        .join(file)
}

fn document(text: &str) -> Document {
    rpc_schema::parse(Path::new("shop/init.yaml"), text).expect("a good file")
}

fn page_of(case: &str) -> String {
    page(
        &rpc_schema::load(&golden(case, "init.yaml")).expect(case),
        None,
    )
}

/// Returns the examples of a language, as the copy button copies them.
fn examples(page: &str, language: &str) -> Vec<String> {
    let opening = format!("<pre data-language=\"{language}\"");
    let code = |rest: &str| {
        let code = rest
            .split_once("<code>")
            .and_then(|(_, rest)| rest.split_once("</code>"));
        unescaped(code.expect("an example").0)
    };
    page.split(&opening).skip(1).map(code).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

#[test]
fn every_rust_example_is_in_its_golden() {
    for case in CASES {
        let mut text = format!(
            "// The examples of the page of `{case}`, compiled.\n\
             #![allow(missing_docs, unused_variables, clippy::all, clippy::pedantic)]\n\n\
             use super::{case} as stubs;\n\n\
             pub fn examples() -> Result<(), rpc_runtime::Error> {{\n"
        );
        for example in examples(&page_of(case), "rust") {
            let _ = write!(text, "{{\n{example}\n}}\n");
        }
        text += "Ok(())\n}\n";
        let path = golden(case, "examples.rs");
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(&path, &text).expect(case);
        }
        assert_eq!(
            fs::read_to_string(&path).ok(),
            Some(text),
            "{case}: see the top of this file"
        );
    }
}

#[test]
fn every_link_leads_to_an_anchor_and_anchors_are_unique() {
    for case in CASES {
        let page = page_of(case);
        let mut anchors: Vec<&str> = values(&page, " id=\"").collect();
        anchors.sort_unstable();
        assert!(
            anchors.windows(2).all(|pair| pair[0] != pair[1]),
            "{case}: {anchors:?}"
        );
        for link in values(&page, " href=\"#") {
            assert!(anchors.binary_search(&link).is_ok(), "{case}: {link}");
        }
    }
}

#[test]
fn the_labels_of_overloads_are_different() {
    for case in CASES {
        let page = page_of(case);
        let of_procedure = |label: &&str| label.starts_with("Link to ") || label.contains(": ");
        let mut labels: Vec<&str> = values(&page, " aria-label=\"")
            .filter(of_procedure)
            .collect();
        assert!(labels.len() >= 5, "{case}: {labels:?}");
        labels.sort_unstable();
        assert!(
            labels.windows(2).all(|pair| pair[0] != pair[1]),
            "{case}: {labels:?}"
        );
    }
}

/// Returns the texts from each occurrence of `opening` to the next double quote.
fn values<'p>(page: &'p str, opening: &'p str) -> impl Iterator<Item = &'p str> {
    page.split(opening)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value)
}

#[test]
fn a_page_fetches_nothing() {
    let page = page_of("types");
    for word in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(
        values(&page, "<link rel=\"icon\" href=\"").collect::<Vec<_>>(),
        ["data:,"]
    );
}

const HOSTILE: &str = r#"
network:
  servers: { a: { ip: "::1", port: 7101 } }
  clients: { c: { ip: "::1" } }
types: { T: { doc: "</h3><script>doc()</script>", fields: { x: int } } }
services:
  s:
    provider: a
    tenants: [c]
    modules: ["<img src=x onerror=path()>.py"]
    data: ["\" onclick=\"x()", "it's"]
    rpcs:
      - { name: f, doc: "`</code><script>code()</script>` \u0000 <!-- ' \" &amp; 世界", path: "</pre>.py" }
"#;

#[test]
fn text_of_a_file_never_becomes_markup() {
    let page = page(&document(HOSTILE), None);
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("<!--").count(), 1);
    for text in ["<img", "onclick=\"", "</pre>.py", "\0"] {
        assert!(!page.contains(text), "{text}");
    }
    let doc = "<code>&lt;/code&gt;&lt;script&gt;code()&lt;/script&gt;</code> \u{fffd} &lt;!-- ' &quot; &amp;amp; 世界";
    assert!(page.contains(doc), "{page}");
}

#[test]
fn the_same_file_gives_the_same_page() {
    for case in CASES {
        assert_eq!(page_of(case), page_of(case));
    }
}

#[test]
fn a_network_shows_its_name_and_its_doc() {
    let text = "name: home\ndoc: the <lights> of `home`\nnetwork: {}\n";
    let page = page(&document(text), None);
    assert!(page.contains("<title>home</title>"), "{page}");
    let doc = "<p dir=\"auto\">the &lt;lights&gt; of <code>home</code></p>";
    assert!(page.contains(doc), "{page}");
}

#[test]
fn an_empty_section_says_that_it_is_empty() {
    let empty = "network: { servers: { a: { ip: '::1', port: 1 } } }\n";
    let no_clients = "services: { s: { provider: a, rpcs: [{ name: f }] } }\n";
    for (text, sentences) in [
        (
            empty.to_owned(),
            &[
                "neither clients nor services",
                "declares no services",
                "declares no clients",
                "provides nothing",
            ][..],
        ),
        (
            format!("{empty}{no_clients}"),
            &[
                "nobody may call its services",
                "<strong>nobody</strong>: it has no tenants",
                "1 procedure<",
            ],
        ),
    ] {
        let page = page(&document(&text), None);
        for sentence in sentences {
            assert!(page.contains(sentence), "{sentence}");
        }
        assert!(!page.contains("<svg") && !page.contains("<pre"), "{text}");
    }
}

#[test]
fn a_client_without_an_ip_calls_with_a_certificate() {
    let text = |clients: &str| {
        format!(
            "network:\n  servers: {{ a: {{ ip: 127.0.0.1, port: 7101 }} }}\n  clients: {clients}\n\
             services: {{ s: {{ provider: a, tenants: [ci, home], rpcs: [{{ name: f }}] }} }}\n"
        )
    };
    let hint = "No client that may call it has an `ip`, so a call needs a certificate.";
    let nobody = page(&document(&text("{ ci: , home: {} }")), None);
    assert!(nobody.contains("calls with a certificate, from any address"));
    assert!(
        nobody.contains(hint) && !nobody.contains("<pre"),
        "{nobody}"
    );
    let one = page(&document(&text("{ ci: , home: { ip: 127.0.0.3 } }")), None);
    assert!(one.contains("source_address=(&quot;127.0.0.3&quot;, 0)") && !one.contains(hint));
    assert!(one.contains("--as home call s.f"), "{one}");
}

#[test]
fn a_service_shows_its_limits_and_grants() {
    let document = document(
        "network:\n  servers: { a: { ip: 127.0.0.1, port: 7101 } }\n  clients: { c: { ip: 127.0.0.1 } }\n\
         services:\n  s:\n    provider: a\n    tenants: [c]\n    concurrency: 1\n\
         \x20   allow: { connect: [5432], memory: 512MiB, env: [TZ] }\n\
         \x20   rpcs: [{ name: f, deadline: 1500ms, idempotent: true, native: true }]\n",
    );
    let page = page(&document, Some("c"));
    for text in [
        "@generated by rpcgen doc; do not edit, run again: rpcgen doc init.yaml --out PAGE --tenant c -->",
        "<title>shop for c</title>",
        "<dt>Calls at once</dt>\n<dd>1</dd>",
        "<code>5432</code>",
        "<dd>512 MiB</dd>",
        "takes at most 1500 ms",
        "idempotent",
        "native: compiled into the binary of a",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn two_hundred_services_are_folded_and_the_page_grows_linearly() {
    let network = "network: { servers: { a: { ip: 127.0.0.1, port: 1 } }, clients: { c: { ip: 127.0.0.1 } } }\n";
    let page_with = |services: usize| {
        let service = |n| {
            format!(
                "  s{n:03}: {{ provider: a, tenants: [c], rpcs: [{{ name: f }}, {{ name: g, arguments: [int] }}] }}\n"
            )
        };
        let services: String = (0..services).map(service).collect();
        page(&document(&format!("{network}services:\n{services}")), None)
    };
    let hundred = page_with(100);
    let two_hundred = page_with(200);
    assert!(
        two_hundred.len() - hundred.len() < hundred.len(),
        "{} and {}",
        hundred.len(),
        two_hundred.len()
    );
    assert!(!two_hundred.contains("<details open><summary"), "folded");
    assert!(page_with(2).contains("<details open>"));
}
