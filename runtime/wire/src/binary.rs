//! The messages of a binary session, as bytes. They are described in docs/PROTOCOL.md.
//!
//! ```text
//! client   HELLO BIND REQ REQ ...  CANCEL        PING
//! server                    HELLO BOUND RES EX ...    PONG ... DRAIN
//! ```
//!
//! The first byte of a frame is the kind of the message. Everything after it is a [binary
//! value](super::value).

use super::exception::{Exception, ExceptionType, Executed};
use super::json::shortened;
use super::outbox::{FrameMark, Outbox};
use super::value::{DecodeError, Reader, Value as _, encode_bytes, encode_count};

/// The first bytes of every HELLO, after its kind.
pub const MAGIC: [u8; 4] = *b"RPCB";

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;

/// Maximum number of bytes of a BIND. A BIND is parsed again at every lookup of its slot.
pub const MAX_BIND_BYTES: usize = 256 * 1024;

/// Maximum number of types of the arguments in a BIND, and of the returned values.
pub const MAX_BIND_TYPES: usize = 1000;

/// The value of the deadline field of a request without a deadline.
pub const NO_DEADLINE: u32 = u32::MAX;

/// Number of bytes before the arguments of a REQ.
pub const REQUEST_HEAD: usize = 17;
/// Number of bytes before the values of a RES.
pub const RESULT_HEAD: usize = 9;

/// The kind of a message: the first byte of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Says who speaks, and which versions.
    Hello = 0x00,
    /// Binds a signature to a slot.
    Bind = 0x01,
    /// Says which code answers a slot from here on.
    Bound = 0x02,
    /// Calls a procedure.
    Request = 0x03,
    /// Has the values that a call returned.
    Returned = 0x04,
    /// Says why a call did not return.
    Exception = 0x05,
    /// Says that the caller gives up.
    Cancel = 0x06,
    /// Asks for a PONG.
    Ping = 0x07,
    /// Answers a PING.
    Pong = 0x08,
    /// Says that the server stops.
    Drain = 0x09,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Hello,
        Self::Bind,
        Self::Bound,
        Self::Request,
        Self::Returned,
        Self::Exception,
        Self::Cancel,
        Self::Ping,
        Self::Pong,
        Self::Drain,
    ];

    /// Returns the kind with this byte, if there is one.
    fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// A received message.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame<'a> {
    /// HELLO.
    Hello(Hello<'a>),
    /// BIND.
    Bind(Box<Bind<'a>>),
    /// BOUND.
    Bound(Box<Bound>),
    /// REQ; the arguments follow it.
    Request(Request),
    /// RES of the call with this number; the returned values follow it.
    Returned(u64),
    /// EX of the call with this number. 0 means the whole session.
    Exception(u64, Box<Exception>),
    /// CANCEL of the call with this number.
    Cancel(u64),
    /// PING.
    Ping(u64),
    /// PONG.
    Pong(u64),
    /// DRAIN with the number of the last call that the server accepted, or 0.
    Drain(u64),
}

impl Frame<'_> {
    /// Returns the name of the message.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "HELLO",
            Self::Bind(_) => "BIND",
            Self::Bound(_) => "BOUND",
            Self::Request(_) => "REQ",
            Self::Returned(_) => "RES",
            Self::Exception(..) => "EX",
            Self::Cancel(_) => "CANCEL",
            Self::Ping(_) => "PING",
            Self::Pong(_) => "PONG",
            Self::Drain(_) => "DRAIN",
        }
    }
}

/// The content of a HELLO: who speaks, and what the sender accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The lowest version that the sender speaks. In the HELLO of a server, the version of the
    /// session.
    pub lowest: u16,
    /// The highest version that the sender speaks. In the HELLO of a server, the version of the
    /// session.
    pub highest: u16,
    /// Maximum number of bytes of a frame that the sender accepts.
    pub max_frame: u32,
    /// Idle time in milliseconds after which the sender closes the session. 0 means that the sender
    /// does not close it, or leaves the decision to the peer.
    pub idle_timeout_ms: u32,
    /// The name of the sender in the network. The name of a client may be empty.
    pub name: &'a str,
}

/// The content of a BIND: a slot for a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The slot.
    pub slot: u32,
    /// The service's name.
    pub service: &'a str,
    /// The procedure's name.
    pub rpc: &'a str,
    /// The types of the arguments.
    pub arguments: Vec<&'a str>,
    /// The types that the caller expects back. `None` if the caller accepts any.
    pub returns: Option<Vec<&'a str>>,
}

impl Bind<'_> {
    /// Returns the number of bytes of the payload of its frame.
    pub fn encoded_len(&self) -> usize {
        const KIND_AND_SLOT: usize = 5;
        const COUNT: usize = 4;
        let text = |text: &str| text.len().saturating_add(COUNT);
        let texts = |texts: &[&str]| {
            let lengths = texts.iter().map(|one| text(one));
            lengths.fold(COUNT, usize::saturating_add)
        };
        let returns = self.returns.as_deref().map_or(0, texts);
        [
            KIND_AND_SLOT,
            text(self.service),
            text(self.rpc),
            texts(&self.arguments),
            1,
            returns,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }
}

/// The content of a BOUND: which code answers a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The slot.
    pub slot: u32,
    /// The generation.
    pub generation: u64,
    /// SHA-256 of the code. All zeros if the code is native.
    pub source: [u8; 32],
}

/// The content of a REQ, without the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The number of the call, higher than all numbers before it.
    pub call: u64,
    /// The slot to call.
    pub slot: u32,
    /// Maximum duration of the call, in milliseconds.
    pub deadline_ms: Option<u32>,
}

/// Returns whether the payload of a frame is a HELLO.
pub fn is_hello(payload: &[u8]) -> bool {
    payload
        .split_first()
        .is_some_and(|(kind, rest)| *kind == Kind::Hello as u8 && rest.starts_with(&MAGIC))
}

/// Why the fields of a frame are malformed.
struct MalformedFields(String);

impl From<DecodeError> for MalformedFields {
    fn from(error: DecodeError) -> Self {
        Self(error.to_string())
    }
}

/// Parses a message. The second value is the rest of the payload: the arguments of a REQ, the
/// values of a RES.
///
/// # Errors
/// What is wrong, as a message for the sender.
pub fn parse(payload: &[u8]) -> Result<(Frame<'_>, &[u8]), String> {
    let Some((kind, rest)) = payload.split_first() else {
        return Err("an empty frame".to_owned());
    };
    let Some(kind) = Kind::of(*kind) else {
        return Err(format!("there is no kind of frame 0x{kind:02x}"));
    };
    let mut reader = Reader::new(rest);
    let (frame, has_more) = read_fields(kind, &mut reader)
        .map_err(|MalformedFields(what)| format!("a broken {kind:?} frame: {what}"))?;
    if !has_more && !reader.rest().is_empty() {
        return Err(format!(
            "a broken {kind:?} frame: {} bytes left over",
            reader.rest().len()
        ));
    }
    Ok((frame, reader.rest()))
}

/// Returns the message, and whether more bytes may follow it in the frame.
fn read_fields<'a>(
    kind: Kind,
    reader: &mut Reader<'a>,
) -> Result<(Frame<'a>, bool), MalformedFields> {
    let frame = match kind {
        Kind::Request => {
            return read_request(reader).map(|request| (Frame::Request(request), true));
        }
        Kind::Returned => return Ok((Frame::Returned(reader.u64()?), true)),
        // Later versions may add fields.
        Kind::Hello => return read_hello(reader).map(|hello| (Frame::Hello(hello), true)),
        Kind::Bind => Frame::Bind(Box::new(read_bind(reader)?)),
        Kind::Bound => {
            let slot = reader.u32()?;
            let generation = reader.u64()?;
            Frame::Bound(Box::new(Bound {
                slot,
                generation,
                source: reader.take_array()?,
            }))
        }
        Kind::Exception => Frame::Exception(reader.u64()?, Box::new(read_exception(reader)?)),
        Kind::Cancel => Frame::Cancel(reader.u64()?),
        Kind::Ping => Frame::Ping(reader.u64()?),
        Kind::Pong => Frame::Pong(reader.u64()?),
        Kind::Drain => Frame::Drain(reader.u64()?),
    };
    Ok((frame, false))
}

fn read_request(reader: &mut Reader<'_>) -> Result<Request, MalformedFields> {
    let call = reader.u64()?;
    let slot = reader.u32()?;
    let deadline = reader.u32()?;
    Ok(Request {
        call,
        slot,
        deadline_ms: (deadline != NO_DEADLINE).then_some(deadline),
    })
}

fn read_hello<'a>(reader: &mut Reader<'a>) -> Result<Hello<'a>, MalformedFields> {
    if reader.take_array()? != MAGIC {
        return Err(MalformedFields("the magic is not `RPCB`".to_owned()));
    }
    let lowest = u16::from_le_bytes(reader.take_array()?);
    let highest = u16::from_le_bytes(reader.take_array()?);
    let max_frame = reader.u32()?;
    let idle_timeout_ms = reader.u32()?;
    Ok(Hello {
        lowest,
        highest,
        max_frame,
        idle_timeout_ms,
        name: reader.str()?,
    })
}

fn read_bind<'a>(reader: &mut Reader<'a>) -> Result<Bind<'a>, MalformedFields> {
    if reader.rest().len() > MAX_BIND_BYTES {
        return Err(MalformedFields(format!("more than {MAX_BIND_BYTES} bytes")));
    }
    Ok(Bind {
        slot: reader.u32()?,
        service: reader.str()?,
        rpc: reader.str()?,
        arguments: read_texts(reader)?,
        returns: if reader.bool()? {
            Some(read_texts(reader)?)
        } else {
            None
        },
    })
}

fn read_texts<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, MalformedFields> {
    let count = reader.count()?;
    if count > MAX_BIND_TYPES {
        return Err(MalformedFields(format!("more than {MAX_BIND_TYPES} types")));
    }
    // `collect` would allocate the declared count.
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(reader.str()?);
    }
    Ok(texts)
}

fn read_exception(reader: &mut Reader<'_>) -> Result<Exception, MalformedFields> {
    let kind = reader.str()?;
    let kind = ExceptionType::from_text(kind)
        .ok_or_else(|| MalformedFields(format!("unknown exception type `{}`", shortened(kind))))?;
    let [executed] = reader.take_array()?;
    let executed = match executed {
        0 => Executed::No,
        1 => Executed::Yes,
        _ => Executed::Unknown,
    };
    Ok(Exception {
        kind,
        executed,
        message: reader.str()?.to_owned(),
        raised_kind: Option::decode(reader)?,
        valid_signatures: Vec::decode(reader)?,
    })
}

fn begin(kind: Kind, out: &mut Outbox) -> FrameMark {
    let mark = out.begin_frame();
    out.bytes().push(kind as u8);
    mark
}

fn put_number(kind: Kind, number: u64, out: &mut Outbox) {
    let mark = begin(kind, out);
    out.bytes().extend_from_slice(&number.to_le_bytes());
    out.end_frame(mark);
}

fn put_texts(texts: &[&str], out: &mut Vec<u8>) {
    encode_count(texts.len(), out);
    for text in texts {
        encode_bytes(text.as_bytes(), out);
    }
}

/// Appends a HELLO.
pub fn put_hello(hello: &Hello<'_>, out: &mut Outbox) {
    let mark = begin(Kind::Hello, out);
    let bytes = out.bytes();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&hello.lowest.to_le_bytes());
    bytes.extend_from_slice(&hello.highest.to_le_bytes());
    bytes.extend_from_slice(&hello.max_frame.to_le_bytes());
    bytes.extend_from_slice(&hello.idle_timeout_ms.to_le_bytes());
    encode_bytes(hello.name.as_bytes(), bytes);
    out.end_frame(mark);
}

/// Appends a BIND.
pub fn put_bind(
    slot: u32,
    (service, rpc): (&str, &str),
    arguments: &[&str],
    returns: Option<&[&str]>,
    out: &mut Outbox,
) {
    let mark = begin(Kind::Bind, out);
    let bytes = out.bytes();
    bytes.extend_from_slice(&slot.to_le_bytes());
    encode_bytes(service.as_bytes(), bytes);
    encode_bytes(rpc.as_bytes(), bytes);
    put_texts(arguments, bytes);
    bytes.push(u8::from(returns.is_some()));
    if let Some(returns) = returns {
        put_texts(returns, bytes);
    }
    out.end_frame(mark);
}

/// Appends a BOUND.
pub fn put_bound(bound: &Bound, out: &mut Outbox) {
    let mark = begin(Kind::Bound, out);
    let bytes = out.bytes();
    bytes.extend_from_slice(&bound.slot.to_le_bytes());
    bytes.extend_from_slice(&bound.generation.to_le_bytes());
    bytes.extend_from_slice(&bound.source);
    out.end_frame(mark);
}

/// Begins a REQ. The arguments follow.
pub fn begin_request(request: &Request, out: &mut Outbox) -> FrameMark {
    let mark = out.begin_frame();
    let mut head = [0; REQUEST_HEAD];
    head[0] = Kind::Request as u8;
    head[1..9].copy_from_slice(&request.call.to_le_bytes());
    head[9..13].copy_from_slice(&request.slot.to_le_bytes());
    head[13..].copy_from_slice(&request.deadline_ms.unwrap_or(NO_DEADLINE).to_le_bytes());
    out.bytes().extend_from_slice(&head);
    mark
}

/// Begins a RES. The values follow.
pub fn begin_result(call: u64, out: &mut Outbox) -> FrameMark {
    let mark = out.begin_frame();
    let mut head = [0; RESULT_HEAD];
    head[0] = Kind::Returned as u8;
    head[1..].copy_from_slice(&call.to_le_bytes());
    out.bytes().extend_from_slice(&head);
    mark
}

/// Appends an EX.
pub fn put_exception(call: u64, exception: &Exception, out: &mut Outbox) {
    let mark = begin(Kind::Exception, out);
    let bytes = out.bytes();
    bytes.extend_from_slice(&call.to_le_bytes());
    encode_bytes(exception.kind.as_str().as_bytes(), bytes);
    bytes.push(match exception.executed {
        Executed::No => 0,
        Executed::Yes => 1,
        Executed::Unknown => 2,
    });
    encode_bytes(exception.message_to_send().as_bytes(), bytes);
    exception.kind_to_send().map(str::to_owned).encode(bytes);
    exception.signatures_to_send().to_vec().encode(bytes);
    out.end_frame(mark);
}

/// Appends a CANCEL.
pub fn put_cancel(call: u64, out: &mut Outbox) {
    put_number(Kind::Cancel, call, out);
}

/// Appends a PING.
pub fn put_ping(number: u64, out: &mut Outbox) {
    put_number(Kind::Ping, number, out);
}

/// Appends a PONG.
pub fn put_pong(number: u64, out: &mut Outbox) {
    put_number(Kind::Pong, number, out);
}

/// Appends a DRAIN.
pub fn put_drain(last: u64, out: &mut Outbox) {
    put_number(Kind::Drain, last, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the payload of a BIND of a service with a name of this many bytes.
    fn bind(name: usize, arguments: usize, returns: usize) -> Vec<u8> {
        let mut out = Outbox::default();
        let name = "s".repeat(name);
        let types = |count| vec!["int"; count];
        put_bind(
            0,
            (&name, "r"),
            &types(arguments),
            Some(&types(returns)),
            &mut out,
        );
        out.into_bytes()
            .split_off(super::super::frame::LENGTH_BYTES)
    }

    fn refusal(payload: &[u8]) -> Option<String> {
        parse(payload).err()
    }

    #[test]
    fn a_bind_has_a_maximum_size_and_a_maximum_number_of_types() {
        // The kind of the message does not count.
        let longest = MAX_BIND_BYTES + 1 - bind(0, 0, 0).len();
        assert_eq!(refusal(&bind(longest, 0, 0)), None);
        let too_long = "a broken Bind frame: more than 262144 bytes";
        assert_eq!(refusal(&bind(longest + 1, 0, 0)).as_deref(), Some(too_long));
        assert_eq!(refusal(&bind(1, MAX_BIND_TYPES, MAX_BIND_TYPES)), None);
        let too_many = "a broken Bind frame: more than 1000 types";
        for (arguments, returns) in [(MAX_BIND_TYPES + 1, 0), (0, MAX_BIND_TYPES + 1)] {
            let refusal = refusal(&bind(1, arguments, returns));
            assert_eq!(refusal.as_deref(), Some(too_many));
        }
    }

    #[test]
    fn the_check_of_init_yaml_knows_the_limits_of_a_call() {
        use rpc_schema::signature;

        assert_eq!(signature::MAX_SIGNATURE_BYTES, MAX_BIND_BYTES);
        assert_eq!(signature::MAX_ARGUMENTS, MAX_BIND_TYPES);
        assert_eq!(signature::MAX_ARGUMENTS, crate::members::MAX_ARGUMENTS);
        assert_eq!(signature::MAX_DEADLINE, crate::LONGEST_CALL);
        let types = vec![rpc_schema::Type::Int; 3];
        // The kind of the message does not count.
        assert_eq!(
            signature::bind_bytes("ab", "r", &types, &types[..2]),
            bind(2, 3, 2).len() - 1
        );
    }
}
