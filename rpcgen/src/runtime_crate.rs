//! [`RuntimeCrate`]: the name that the package `rpc-runtime` has in the crate with the stubs.

use std::str::FromStr;

use rpc_schema::Schema;
use rpc_schema::naming::RUNTIME_CRATE;

use crate::error::Error;

/// The name of the runtime's crate. It is `rpc_runtime`, unless the dependency is renamed in
/// `Cargo.toml`: `rt = { package = "rpc-runtime", ... }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeCrate(String);

impl Default for RuntimeCrate {
    fn default() -> Self {
        Self(RUNTIME_CRATE.to_owned())
    }
}

impl FromStr for RuntimeCrate {
    type Err = Error;

    /// Takes a name as `Cargo.toml` writes it, with `-` or with `_`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let name = text.replace('-', "_");
        let is_path = ["crate", "self", "super", "Self"].contains(&name.as_str());
        if is_path || syn::parse_str::<syn::Ident>(&name).is_err() {
            return Err(Error::RuntimeCrate(text.to_owned()));
        }
        Ok(Self(name))
    }
}

impl RuntimeCrate {
    /// Returns the option of the command that sets this name; empty for the usual name.
    pub fn as_option(&self) -> String {
        if self.0 == RUNTIME_CRATE {
            String::new()
        } else {
            format!(" --runtime-crate {}", self.0)
        }
    }

    /// Replaces the runtime's usual name in generated code. Documentation stays as it is.
    pub fn rename_in(&self, code: String) -> String {
        if self.0 == RUNTIME_CRATE {
            return code;
        }
        let usual = format!("::{RUNTIME_CRATE}::");
        let name = format!("::{}::", self.0);
        let rename = |line: &str| {
            if line.trim_start().starts_with("//") {
                line.to_owned()
            } else {
                line.replace(&usual, &name)
            }
        };
        code.split_inclusive('\n').map(rename).collect()
    }

    /// Returns an error if a service has this name. Beside the module of that service,
    /// `NAME::include_stubs!()` is ambiguous.
    pub fn check_services(&self, schema: &Schema) -> Result<(), Error> {
        let mut services = schema.services.iter();
        if services.any(|service| service.name == *self.0) {
            return Err(Error::ServiceLikeRuntime(self.0.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_runtime_is_named_in_code_and_not_in_documentation() {
        let runtime: RuntimeCrate = "my-rt".parse().expect("a name");
        let code = "/// See ::rpc_runtime::Error.\nuse ::rpc_runtime::Error;\n";
        let expected = "/// See ::rpc_runtime::Error.\nuse ::my_rt::Error;\n";
        assert_eq!(runtime.rename_in(code.to_owned()), expected);
        assert_eq!(RuntimeCrate::default().rename_in(code.to_owned()), code);
    }

    #[test]
    fn the_name_of_a_crate_is_an_identifier() {
        for wrong in ["", "a b", "a::b", "1a", "fn", "crate", "self"] {
            let error = wrong.parse::<RuntimeCrate>().expect_err(wrong);
            assert!(error.to_string().contains(&format!("`{wrong}`")), "{error}");
        }
    }
}
