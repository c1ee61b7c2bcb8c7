//! The servers, clients and deployers that the names on a command line mean.

use rpc_schema::visible;

use super::layout::{Holder, Kind};

/// Returns the holders that the words mean, each of them once: `client1`, or `client:ada` if there are several
/// of that name.
///
/// # Errors
/// Returns a line for each word that means nobody or several.
pub(super) fn select(words: &[String], known: &[&Holder]) -> Result<Vec<Holder>, String> {
    let mut selected = Vec::new();
    let mut errors = Vec::new();
    for word in words {
        match find(word, known) {
            Ok(holder) if selected.contains(holder) => {}
            Ok(holder) => selected.push(holder.clone()),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(selected)
    } else {
        Err(errors.join("\n"))
    }
}

fn find<'a>(word: &str, known: &[&'a Holder]) -> Result<&'a Holder, String> {
    let (kind, name) = match word.split_once(':') {
        Some((prefix, name)) => {
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| kind.to_string() == prefix);
            let kind = kind.ok_or_else(|| {
                let prefix = visible(prefix);
                format!("unknown role `{prefix}`; expected `server`, `client` or `deployer`, as in `client:ada`")
            })?;
            (Some(kind), name)
        }
        None => (None, word),
    };
    let meant =
        |holder: &&&Holder| holder.name == name && kind.is_none_or(|kind| holder.kind == kind);
    let meant: Vec<&Holder> = known.iter().filter(meant).copied().collect();
    match meant.as_slice() {
        [holder] => Ok(holder),
        [] => Err(unknown(word, known)),
        several => {
            let spelt = several
                .iter()
                .map(|holder| format!("`{}:{}`", holder.kind, holder.name));
            let spelt: Vec<String> = spelt.collect();
            let name = visible(name);
            Err(format!(
                "there are several `{name}`; write {}",
                spelt.join(" or ")
            ))
        }
    }
}

fn unknown(word: &str, known: &[&Holder]) -> String {
    let spelt: Vec<String> = known
        .iter()
        .map(|holder| format!("{}:{}", holder.kind, holder.name))
        .collect();
    let names = known.iter().map(|holder| holder.name.as_str());
    let candidates = names.chain(spelt.iter().map(String::as_str));
    let hint = rpc_schema::did_you_mean(word, candidates);
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    format!(
        "there is no server, client or deployer `{}`{hint}",
        visible(word)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_holder_or_is_an_error() {
        let holder = |kind, name: &str| Holder {
            kind,
            name: name.to_owned(),
        };
        let known = [
            holder(Kind::Server, "server1"),
            holder(Kind::Client, "ada"),
            holder(Kind::Deployer, "ada"),
        ];
        let known: Vec<&Holder> = known.iter().collect();
        let select = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let selected = select(&words, &known)?;
            Ok::<Vec<String>, String>(selected.iter().map(Holder::to_string).collect())
        };
        let both = Ok(vec![
            "server1 (server)".to_owned(),
            "ada (client)".to_owned(),
        ]);
        assert_eq!(select(&["server1", "client:ada", "server:server1"]), both);
        for (word, error) in [
            (
                "ada",
                "there are several `ada`; write `client:ada` or `deployer:ada`",
            ),
            (
                "server2",
                "there is no server, client or deployer `server2`; did you mean `server1`?",
            ),
            (
                "deployr:ada",
                "unknown role `deployr`; expected `server`, `client` or `deployer`, as in `client:ada`",
            ),
            (
                "server:ada",
                "there is no server, client or deployer `server:ada`",
            ),
            ("", "there is no server, client or deployer ``"),
            (
                "\u{1b}[2J",
                r"there is no server, client or deployer `\u001b[2J`",
            ),
        ] {
            let refused = select(&[word]).expect_err(word);
            assert!(refused.starts_with(error), "{refused}");
        }
        let several = select(&["x", "y"]).expect_err("both are unknown");
        assert_eq!(several.lines().count(), 2);
    }
}
