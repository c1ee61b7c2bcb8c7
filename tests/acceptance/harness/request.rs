//! [`Request`]: a builder of `RPC-REQ` messages.

use std::fmt;

use serde_json::{Value, json};

/// An `RPC-REQ` under construction.
#[derive(Debug, Clone)]
pub struct Request(Value);

/// Returns a request for a procedure, without arguments and without an id.
pub fn request(service: &str, rpc: &str) -> Request {
    Request(json!({ "service": service, "rpc": rpc, "arguments": [], "argument-types": [] }))
}

impl Request {
    /// Adds an argument.
    pub fn arg(mut self, type_text: &str, value: impl Into<Value>) -> Self {
        let members = self.0.as_object_mut().expect("an object");
        members["arguments"]
            .as_array_mut()
            .expect("a list")
            .push(value.into());
        members["argument-types"]
            .as_array_mut()
            .expect("a list")
            .push(type_text.into());
        self
    }

    /// Sets the id, which keeps the connection open after the answer.
    pub fn id(self, id: impl Into<Value>) -> Self {
        self.member("id", id)
    }

    /// Sets the name of the client.
    pub fn client(self, name: &str) -> Self {
        self.member("client", name)
    }

    /// Sets the expected return types.
    pub fn returns(self, types: &[&str]) -> Self {
        self.member("return-types", types)
    }

    /// Sets any member.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0[name] = value.into();
        self
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        json!({ "header": "RPC-REQ", "value": self.0 }).fmt(f)
    }
}
