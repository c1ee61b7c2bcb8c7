//! The client that stubs are made for.

use std::path::Path;

use rpc_schema::Schema;

use crate::error::Error;

/// Succeeds when the file has that client.
pub fn check(schema: &Schema, init: &Path, tenant: &str) -> Result<(), Error> {
    if schema.client(tenant).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = schema.network.clients.iter().map(|client| client.name.as_str()).collect();
    Err(Error::UnknownTenant { init: init.to_owned(), tenant: tenant.to_owned(), hint: hint(tenant, &names) })
}

fn hint(tenant: &str, names: &[&str]) -> String {
    let near = names.iter().map(|name| (distance(tenant, name), name)).min();
    match near {
        None => "the file declares no clients".to_owned(),
        Some((distance, name)) if distance <= (tenant.len() / 3).max(1) => format!("did you mean `{name}`?"),
        Some(_) => format!("its clients are {}", quoted(names)),
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// How many letters are inserted, removed or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.pop().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tenant_is_answered_with_the_nearest_or_with_all() {
        let names = ["client1", "client2"];
        for (tenant, said) in [
            ("clinet2", "did you mean `client2`?"),
            ("client", "did you mean `client1`?"),
            ("ops", "its clients are `client1`, `client2`"),
        ] {
            assert_eq!(hint(tenant, &names), said);
        }
        assert_eq!(hint("ops", &[]), "the file declares no clients");
    }
}
