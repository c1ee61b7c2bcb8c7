//! Calls whose types are known only at run time: [`Argument`] and [`Answer`].

use serde_json::value::RawValue;

use crate::error::Error;
use wire::members::Members;

/// An argument with its type.
#[derive(Debug, Clone)]
pub struct Argument {
    type_text: String,
    json: String,
}

impl Argument {
    /// Returns an argument of any type, such as `List[str]`, given as JSON text. The server checks
    /// the type and the value.
    ///
    /// # Errors
    /// An error of the kind [`Configuration`](crate::ErrorKind::Configuration) if the text is not
    /// JSON.
    pub fn json(type_text: impl Into<String>, json: impl Into<String>) -> Result<Self, Error> {
        let json = json.into();
        match serde_json::from_str::<&RawValue>(&json) {
            // In one line, since a line feed would end the message in the line framing.
            Ok(_) => Ok(Self {
                type_text: type_text.into(),
                json: json.replace(['\n', '\r'], " "),
            }),
            Err(error) => Err(Error::configuration(format!(
                "an argument is not JSON: {error}"
            ))),
        }
    }

    pub(crate) fn type_text(&self) -> &str {
        &self.type_text
    }

    pub(crate) fn json_text(&self) -> &str {
        &self.json
    }
}

impl From<i64> for Argument {
    fn from(value: i64) -> Self {
        Self {
            type_text: "int".to_owned(),
            json: value.to_string(),
        }
    }
}

impl From<f64> for Argument {
    fn from(value: f64) -> Self {
        let mut binary = Vec::new();
        wire::value::Value::encode(&value, &mut binary);
        let mut reader = wire::value::Reader::new(&binary);
        let mut json = Vec::new();
        let written = wire::json::from_binary(&rpc_schema::Type::Float, &mut reader, &mut json);
        debug_assert!(written.is_ok(), "eight bytes are a float");
        Self {
            type_text: "float".to_owned(),
            json: String::from_utf8_lossy(&json).into_owned(),
        }
    }
}

impl From<bool> for Argument {
    fn from(value: bool) -> Self {
        Self {
            type_text: "bool".to_owned(),
            json: value.to_string(),
        }
    }
}

impl From<&str> for Argument {
    fn from(value: &str) -> Self {
        Self {
            type_text: "str".to_owned(),
            json: serde_json::Value::from(value).to_string(),
        }
    }
}

/// What a call returned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The JSON text of each returned value.
    pub return_values: Vec<Box<RawValue>>,
    /// The generation of the code that answered.
    pub generation: u64,
    /// SHA-256 of the code that answered.
    pub source: String,
}

impl Answer {
    /// Parses the value of an `RPC-RES`.
    pub(crate) fn parse(value: &Members<'_>) -> Result<Self, String> {
        Ok(Self {
            return_values: value.decode("return-values")?,
            generation: value.decode("generation")?,
            source: value.string("source")?.into_owned(),
        })
    }
}
