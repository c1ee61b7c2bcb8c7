//! Messages: `{"header": H, "value": {...}}`. The members may be in any order. Duplicate members
//! are refused, unknown ones are ignored.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::exception::{Exception, ExceptionType, Executed};
use super::members::{Members, as_list, as_milliseconds, as_string, as_strings};
use super::message_writer::MessageWriter;

/// A received message. Only its header and id are decoded.
#[derive(Debug)]
pub struct Message<'a> {
    /// The header, such as `RPC-REQ`.
    pub header: Cow<'a, str>,
    /// The members of the value.
    pub value: Members<'a>,
    /// The JSON text of the value.
    pub value_text: &'a str,
    /// The `id` of the value, if it has one.
    pub id: Option<Id<'a>>,
}

/// An `id`: a string or a 64-bit integer, as the JSON text that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    /// Returns the JSON text.
    pub fn as_json(self) -> &'a str {
        self.0
    }

    fn check(raw: &'a RawValue) -> Result<Self, String> {
        let text = raw.get();
        if text.starts_with('"') {
            as_string("id", raw)?;
        } else if text.parse::<i64>().is_err() && text.parse::<u64>().is_err() {
            return Err("`id` is neither a string nor a 64-bit integer".to_owned());
        }
        Ok(Self(text))
    }
}

/// Why a text is not a valid message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed<'a> {
    /// What is wrong, and at which byte if that is known.
    pub message: String,
    /// The `id` of the message, if it could be read.
    pub id: Option<Id<'a>>,
}

impl Malformed<'_> {
    /// Returns the exception to answer with.
    pub fn exception(&self) -> Exception {
        Exception::refused(ExceptionType::MalformedMessage, self.message.clone())
    }
}

/// An `RPC-REQ`.
#[derive(Debug)]
pub struct Request<'a> {
    /// The service's name.
    pub service: Cow<'a, str>,
    /// The procedure's name.
    pub rpc: Cow<'a, str>,
    /// The JSON text of each argument.
    pub arguments: Vec<&'a RawValue>,
    /// The type of each argument, as the caller writes it.
    pub argument_types: Vec<Cow<'a, str>>,
    /// The types that the caller expects back. `None` if the caller accepts any.
    pub return_types: Option<Vec<Cow<'a, str>>>,
    /// The name of the client, as the caller states it.
    pub client: Option<Cow<'a, str>>,
    /// Maximum duration of the call, in milliseconds.
    pub deadline_ms: Option<u64>,
}

impl<'a> Message<'a> {
    /// Parses a message.
    ///
    /// # Errors
    /// [`Malformed`], with a message for the sender.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed<'a>> {
        Self::parse_with(bytes, |id| Id::check(id).map(Some))
    }

    /// Parses a message from a server. Its `id` may be null: the server could not read the id of
    /// the request.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse_answer(bytes: &'a [u8]) -> Result<Self, Malformed<'a>> {
        Self::parse_with(bytes, |id| match id.get() {
            "null" => Ok(None),
            _ => Id::check(id).map(Some),
        })
    }

    fn parse_with(
        bytes: &'a [u8],
        read_id: impl FnOnce(&'a RawValue) -> Result<Option<Id<'a>>, String>,
    ) -> Result<Self, Malformed<'a>> {
        let broken = |message| Malformed { message, id: None };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let byte = error.valid_up_to().saturating_add(1);
            broken(format!("not UTF-8 at byte {byte}"))
        })?;
        let top = Members::parse(text).map_err(broken)?;
        let value_text = top.get("value").map_or("", RawValue::get);
        let value = top
            .get("value")
            .map(|value| Members::parse(value.get()))
            .transpose();
        let id = match &value {
            Ok(Some(members)) => members
                .get("id")
                .map(read_id)
                .transpose()
                .map_err(broken)?
                .flatten(),
            _ => None,
        };
        let malformed = |message| Malformed { message, id };
        let header = top
            .get("header")
            .ok_or_else(|| malformed("the message has no `header`".to_owned()))?;
        let header = as_string("header", header).map_err(malformed)?;
        let value = value
            .map_err(|error| malformed(format!("`value`: {error}")))?
            .ok_or_else(|| malformed("the message has no `value`".to_owned()))?;
        Ok(Self {
            header,
            value,
            value_text,
            id,
        })
    }
}

impl<'a> Request<'a> {
    /// Parses the value of an `RPC-REQ`.
    ///
    /// # Errors
    /// Which member is missing or of a wrong type.
    pub fn parse(value: &Members<'a>) -> Result<Self, String> {
        Ok(Self {
            service: value.string("service")?,
            rpc: value.string("rpc")?,
            arguments: as_list("arguments", value.required("arguments")?)?,
            argument_types: as_strings("argument-types", value.required("argument-types")?)?,
            return_types: value.optional("return-types", as_strings)?,
            client: value.optional("client", as_string)?,
            deadline_ms: value.optional("deadline-ms", as_milliseconds)?,
        })
    }
}

/// The `id` that an answer carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerId {
    /// The request had no `id`.
    Absent,
    /// The `id` of the request could not be read.
    Null,
    /// The JSON text of the `id` of the request.
    Json(Box<str>),
}

impl From<Option<Id<'_>>> for AnswerId {
    fn from(id: Option<Id<'_>>) -> Self {
        id.map_or(Self::Absent, |id| Self::Json(id.as_json().into()))
    }
}

impl AnswerId {
    fn write(&self, message: &mut MessageWriter<'_>) {
        match self {
            Self::Absent => {}
            Self::Null => message.member("id", &()),
            Self::Json(text) => message.json_member("id", text),
        }
    }
}

/// Appends an `RPC-RES`. `write_values` appends the JSON texts of the returned values, separated by
/// commas.
///
/// # Errors
/// The error of `write_values`. `out` then contains a part of the message.
pub fn write_result<E>(
    id: &AnswerId,
    generation: u64,
    source: &str,
    out: &mut Vec<u8>,
    write_values: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut message = MessageWriter::begin("RPC-RES", out);
    id.write(&mut message);
    message.list_member("return-values", write_values)?;
    message.member("generation", &generation);
    message.member("source", source);
    message.end();
    Ok(())
}

/// Appends an `RPC-EX`. Its texts are [cut](Exception::message_to_send), so that the message fits
/// into every frame limit.
pub fn write_exception(id: &AnswerId, exception: &Exception, out: &mut Vec<u8>) {
    let mut message = MessageWriter::begin("RPC-EX", out);
    id.write(&mut message);
    message.member("exception-type", exception.kind.as_str());
    message.member("exception-message", exception.message_to_send());
    message.member("executed", exception.executed.as_str());
    if let Some(kind) = exception.kind_to_send() {
        message.member("exception-kind", kind);
    }
    let signatures = exception.signatures_to_send();
    if !signatures.is_empty() {
        message.member("valid-signatures", &signatures);
    }
    message.end();
}

/// Appends an `RPC-PING`.
pub fn write_ping(id: u64, out: &mut Vec<u8>) {
    let mut message = MessageWriter::begin("RPC-PING", out);
    message.member("id", &id);
    message.end();
}

/// Appends an `RPC-PONG` with the version of the server and its abilities.
pub fn write_pong(id: &AnswerId, version: &str, abilities: &[&str], out: &mut Vec<u8>) {
    let mut message = MessageWriter::begin("RPC-PONG", out);
    id.write(&mut message);
    message.member("version", version);
    message.member("can", abilities);
    message.end();
}

/// Appends an `RPC-DRAIN`. The server answers no request after the one with `last_id`, which is
/// JSON text.
pub fn write_drain(last_id: Option<&str>, out: &mut Vec<u8>) {
    let mut message = MessageWriter::begin("RPC-DRAIN", out);
    message.json_member("last-id", last_id.unwrap_or("null"));
    message.end();
}

/// Parses the value of an `RPC-EX`.
///
/// # Errors
/// Which member is missing or invalid.
pub fn parse_exception(value: &Members<'_>) -> Result<Exception, String> {
    let kind = value.string("exception-type")?;
    Ok(Exception {
        kind: ExceptionType::from_text(&kind)
            .ok_or_else(|| format!("unknown exception type `{kind}`"))?,
        message: value.string("exception-message")?.into_owned(),
        executed: Executed::from_text(&value.optional("executed", as_string)?.unwrap_or_default()),
        raised_kind: value
            .optional("exception-kind", as_string)?
            .map(Cow::into_owned),
        valid_signatures: value
            .optional("valid-signatures", as_strings)?
            .unwrap_or_default()
            .into_iter()
            .map(Cow::into_owned)
            .collect(),
    })
}

/// A request without its arguments.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The service's name.
    pub service: &'a str,
    /// The procedure's name.
    pub rpc: &'a str,
    /// The types of the arguments.
    pub argument_types: &'a [&'a str],
    /// The types that the caller expects back. `None` if the caller accepts any.
    pub return_types: Option<&'a [&'a str]>,
    /// The name of the client that calls.
    pub client: Option<&'a str>,
    /// The `id`. `None` if the connection is used for this one call.
    pub id: Option<u64>,
    /// Maximum duration of the call, in milliseconds.
    pub deadline_ms: Option<u64>,
}

/// Appends an `RPC-REQ`. `write_arguments` appends the JSON texts of the arguments, separated by
/// commas.
///
/// # Errors
/// The error of `write_arguments`. `out` then contains a part of the message.
pub fn write_request<E>(
    head: &RequestHead<'_>,
    out: &mut Vec<u8>,
    write_arguments: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut message = MessageWriter::begin("RPC-REQ", out);
    if let Some(id) = head.id {
        message.member("id", &id);
    }
    message.member("service", head.service);
    message.member("rpc", head.rpc);
    if let Some(client) = head.client {
        message.member("client", client);
    }
    if let Some(deadline) = head.deadline_ms {
        message.member("deadline-ms", &deadline);
    }
    message.member("argument-types", head.argument_types);
    if let Some(types) = head.return_types {
        message.member("return-types", types);
    }
    message.list_member("arguments", write_arguments)?;
    message.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_malformed(text: &str, message: &str, id: Option<&str>) {
        let error = match Message::parse(text.as_bytes()) {
            Err(error) => error,
            Ok(parsed) => Malformed {
                message: Request::parse(&parsed.value).expect_err(text),
                id: parsed.id,
            },
        };
        assert_eq!(
            (error.message.as_str(), error.id.map(Id::as_json)),
            (message, id),
            "{text}"
        );
    }

    #[test]
    fn members_may_be_in_any_order_and_unknown_ones_are_ignored() {
        let text = r#"{"x":[{}],"value":{"arguments":[7, "a"],"y":1,"rpc":"r\u0031","service":"s",
            "argument-types":["int","str"],"id":"\u0041"},"header":"RPC-REQ"}"#;
        let message = Message::parse(text.as_bytes()).expect("a message");
        let request = Request::parse(&message.value).expect("a request");
        assert_eq!(
            (&*message.header, &*request.service, &*request.rpc),
            ("RPC-REQ", "s", "r1")
        );
        assert_eq!(message.id.map(Id::as_json), Some(r#""\u0041""#));
        assert_eq!(
            request
                .arguments
                .iter()
                .map(|raw| raw.get())
                .collect::<Vec<_>>(),
            ["7", "\"a\""]
        );
        assert!(
            request.return_types.is_none()
                && request.client.is_none()
                && request.deadline_ms.is_none()
        );
    }

    #[test]
    fn a_malformed_message_is_refused_with_the_reason_and_the_id() {
        check_malformed("hello", "not JSON at byte 1: expected value", None);
        check_malformed(
            "{\"header\":",
            "not JSON at byte 10: EOF while parsing a value",
            None,
        );
        check_malformed("[]", "invalid type: sequence, expected a JSON object", None);
        check_malformed("{}", "the message has no `header`", None);
        check_malformed(
            r#"{"header":1,"value":{"id":5}}"#,
            "`header` is not a string",
            Some("5"),
        );
        check_malformed(
            r#"{"header":"RPC-REQ"}"#,
            "the message has no `value`",
            None,
        );
        check_malformed(
            r#"{"header":"RPC-REQ","value":[]}"#,
            "`value`: invalid type: sequence, expected a JSON object",
            None,
        );
        check_malformed(
            r#"{"header":"A","header":"B"}"#,
            "duplicate member `header`",
            None,
        );
        check_malformed(
            r#"{"header":"RPC-REQ","value":{"id":1.5}}"#,
            "`id` is neither a string nor a 64-bit integer",
            None,
        );
        check_malformed(
            r#"{"header":"RPC-REQ","value":{"id":7,"service":"s"}}"#,
            "the member `rpc` is missing",
            Some("7"),
        );
        check_malformed(
            r#"{"header":"RPC-REQ","value":{"service":"s","rpc":"r","arguments":{}}}"#,
            "`arguments` is not a list",
            None,
        );
        let deep = format!(r#"{{"header":"RPC-REQ","value":{}"#, "[".repeat(100_000));
        assert!(Message::parse(deep.as_bytes()).is_err());
        assert_eq!(
            Message::parse(b"{\"header\":\"\xff\"}")
                .expect_err("bytes")
                .message,
            "not UTF-8 at byte 12"
        );
    }

    #[test]
    fn written_messages_can_be_parsed() {
        let mut out = Vec::new();
        let exception = Exception {
            raised_kind: Some("ValueError".to_owned()),
            valid_signatures: vec!["a".to_owned(), "b".to_owned()],
            ..Exception::new(
                ExceptionType::InvalidArguments,
                Executed::Unknown,
                "a \"quote\"\n",
            )
        };
        write_exception(&AnswerId::Json("9".into()), &exception, &mut out);
        let message = Message::parse(&out).expect("a message");
        assert_eq!(message.id.map(Id::as_json), Some("9"));
        assert_eq!(parse_exception(&message.value), Ok(exception));
        let head = RequestHead {
            service: "s",
            rpc: "r",
            argument_types: &["int"],
            return_types: Some(&[]),
            client: Some("c"),
            id: Some(3),
            deadline_ms: Some(5),
        };
        out.clear();
        write_request(&head, &mut out, |out| {
            out.extend_from_slice(b"7");
            Ok::<_, String>(())
        })
        .expect("a request");
        let message = Message::parse(&out).expect("a message");
        let request = Request::parse(&message.value).expect("a request");
        assert_eq!(
            (request.deadline_ms, request.client.as_deref()),
            (Some(5), Some("c"))
        );
        assert_eq!(request.return_types.map(|types| types.len()), Some(0));
    }
}
