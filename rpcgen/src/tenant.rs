//! The client that stubs are generated for.

use std::path::Path;

use rpc_schema::{Schema, did_you_mean};

use crate::error::Error;

/// Returns an error if the file has no such client.
pub fn check(schema: &Schema, init: &Path, tenant: &str) -> Result<(), Error> {
    if schema.client(tenant).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = schema
        .network
        .clients
        .iter()
        .map(|client| client.name.as_str())
        .collect();
    Err(Error::UnknownTenant {
        init: init.to_owned(),
        tenant: tenant.to_owned(),
        hint: hint(tenant, &names),
    })
}

fn hint(tenant: &str, names: &[&str]) -> String {
    if names.is_empty() {
        return "the file declares no clients".to_owned();
    }
    did_you_mean(tenant, names.iter().copied())
        .unwrap_or_else(|| format!("its clients are {}", quoted(names)))
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tenant_gets_the_nearest_name_or_all_names() {
        let names = ["client1", "client2"];
        for (tenant, expected) in [
            ("clinet2", "did you mean `client2`?"),
            ("client", "did you mean `client1`?"),
            ("ops", "its clients are `client1`, `client2`"),
        ] {
            assert_eq!(hint(tenant, &names), expected);
        }
        assert_eq!(hint("ops", &[]), "the file declares no clients");
    }
}
