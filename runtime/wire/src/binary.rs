//! The messages of a binary session, as bytes. docs/PROTOCOL.md is their description.
//!
//! ```text
//! client   HELLO BIND REQ REQ ...  CANCEL        PING
//! server                    HELLO BOUND RES EX ...    PONG ... DRAIN
//! ```
//!
//! Everything in a frame is a [binary value](super::value), behind one byte that says which message
//! it is.

use super::exception::{Exception, ExceptionType, Executed};
use super::json::shortened;
use super::outbox::{Mark, Outbox};
use super::value::{DecodeError, Reader, Value as _, encode_bytes, encode_count};

/// What every HELLO begins with, behind its kind.
pub const MAGIC: [u8; 4] = *b"RPCB";

/// The version of the protocol that is spoken here.
pub const VERSION: u16 = 1;

/// A BIND of more bytes is refused: it is read again whenever its slot is looked up.
pub const MAX_BIND_BYTES: usize = 256 * 1024;

/// So many types a BIND may have for the arguments, and for the returned values.
pub const MAX_BIND_TYPES: usize = 1000;

/// A deadline that a request does not have.
pub const NO_DEADLINE: u32 = u32::MAX;

/// How many bytes of a REQ or a RES stand before the values.
pub const REQUEST_HEAD: usize = 17;
/// The same of a RES.
pub const RESULT_HEAD: usize = 9;

/// The first byte of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Who speaks, and which versions.
    Hello = 0x00,
    /// Gives a slot to a signature.
    Bind = 0x01,
    /// What answers a slot from here on.
    Bound = 0x02,
    /// A call.
    Request = 0x03,
    /// What a call returned.
    Returned = 0x04,
    /// Why a call did not return.
    Exception = 0x05,
    /// The caller gives up.
    Cancel = 0x06,
    /// To be answered by a PONG.
    Ping = 0x07,
    /// Answers a PING.
    Pong = 0x08,
    /// The server stops.
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

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// A message that came.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame<'a> {
    /// HELLO.
    Hello(Hello<'a>),
    /// BIND.
    Bind(Box<Bind<'a>>),
    /// BOUND.
    Bound(Box<Bound>),
    /// REQ; behind it are the arguments.
    Request(Request),
    /// RES, of that call; behind it are the returned values.
    Returned(u64),
    /// EX, of that call or, where it is 0, about the session.
    Exception(u64, Box<Exception>),
    /// CANCEL, of that call.
    Cancel(u64),
    /// PING.
    Ping(u64),
    /// PONG.
    Pong(u64),
    /// DRAIN: the last call that was taken on, or 0.
    Drain(u64),
}

impl Frame<'_> {
    /// The message's name.
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

/// Who speaks, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The lowest version it speaks; in a server's, the one that is spoken from here on.
    pub lowest: u16,
    /// The highest version it speaks; in a server's, the same one.
    pub highest: u16,
    /// The longest frame it takes, in bytes.
    pub max_frame: u32,
    /// After how many idle milliseconds it closes the session; 0 is not at all, or as the far side
    /// likes.
    pub idle_timeout_ms: u32,
    /// Its name in the network; a client's may be empty.
    pub name: &'a str,
}

/// A slot for a signature.
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
    /// The types expected back; `None` leaves them unchecked.
    pub returns: Option<Vec<&'a str>>,
}

impl Bind<'_> {
    /// Returns the length of its frame's payload in bytes.
    pub fn encoded_len(&self) -> usize {
        const KIND_AND_SLOT: usize = 5;
        const COUNT: usize = 4;
        let text = |text: &&str| COUNT + text.len();
        let texts = |texts: &[&str]| COUNT + texts.iter().map(text).sum::<usize>();
        let returns = self.returns.as_deref().map_or(0, texts);
        KIND_AND_SLOT + text(&self.service) + text(&self.rpc) + texts(&self.arguments) + 1 + returns
    }
}

/// What answers a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The slot.
    pub slot: u32,
    /// The generation.
    pub generation: u64,
    /// SHA-256 of the code; zeros where it is native.
    pub source: [u8; 32],
}

/// A call, without its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number; each is higher than the one before.
    pub call: u64,
    /// What it calls.
    pub slot: u32,
    /// The longest it may take, in milliseconds.
    pub deadline_ms: Option<u32>,
}

/// Whether a frame's payload is a HELLO.
pub fn is_hello(payload: &[u8]) -> bool {
    payload
        .split_first()
        .is_some_and(|(kind, rest)| *kind == Kind::Hello as u8 && rest.starts_with(&MAGIC))
}

/// Why a frame is none, in words.
struct Broken(String);

impl From<DecodeError> for Broken {
    fn from(error: DecodeError) -> Self {
        Self(error.to_string())
    }
}

/// Reads a message; the rest of a REQ and a RES, their values, is left over in the second part.
///
/// # Errors
/// What is wrong, in words meant for whoever sent it.
pub fn parse(payload: &[u8]) -> Result<(Frame<'_>, &[u8]), String> {
    let Some((kind, rest)) = payload.split_first() else {
        return Err("an empty frame".to_owned());
    };
    let Some(kind) = Kind::of(*kind) else {
        return Err(format!("there is no kind of frame 0x{kind:02x}"));
    };
    let mut reader = Reader::new(rest);
    let (frame, has_more) = read(kind, &mut reader)
        .map_err(|Broken(what)| format!("a broken {kind:?} frame: {what}"))?;
    if !has_more && !reader.rest().is_empty() {
        return Err(format!(
            "a broken {kind:?} frame: {} bytes left over",
            reader.rest().len()
        ));
    }
    Ok((frame, reader.rest()))
}

/// The message, and whether more may follow it in the frame.
fn read<'a>(kind: Kind, reader: &mut Reader<'a>) -> Result<(Frame<'a>, bool), Broken> {
    let frame = match kind {
        Kind::Request => {
            return read_request(reader).map(|request| (Frame::Request(request), true));
        }
        Kind::Returned => return Ok((Frame::Returned(reader.word()?), true)),
        // Later versions may say more in it.
        Kind::Hello => return read_hello(reader).map(|hello| (Frame::Hello(hello), true)),
        Kind::Bind => Frame::Bind(Box::new(read_bind(reader)?)),
        Kind::Bound => {
            let (slot, generation) = (reader.half()?, reader.word()?);
            Frame::Bound(Box::new(Bound {
                slot,
                generation,
                source: reader.take_array()?,
            }))
        }
        Kind::Exception => Frame::Exception(reader.word()?, Box::new(read_exception(reader)?)),
        Kind::Cancel => Frame::Cancel(reader.word()?),
        Kind::Ping => Frame::Ping(reader.word()?),
        Kind::Pong => Frame::Pong(reader.word()?),
        Kind::Drain => Frame::Drain(reader.word()?),
    };
    Ok((frame, false))
}

fn read_request(reader: &mut Reader<'_>) -> Result<Request, Broken> {
    let (call, slot, deadline) = (reader.word()?, reader.half()?, reader.half()?);
    Ok(Request {
        call,
        slot,
        deadline_ms: (deadline != NO_DEADLINE).then_some(deadline),
    })
}

fn read_hello<'a>(reader: &mut Reader<'a>) -> Result<Hello<'a>, Broken> {
    if reader.take_array()? != MAGIC {
        return Err(Broken("the magic is not `RPCB`".to_owned()));
    }
    let (lowest, highest) = (
        u16::from_le_bytes(reader.take_array()?),
        u16::from_le_bytes(reader.take_array()?),
    );
    let (max_frame, idle_timeout_ms) = (reader.half()?, reader.half()?);
    Ok(Hello {
        lowest,
        highest,
        max_frame,
        idle_timeout_ms,
        name: reader.str()?,
    })
}

fn read_bind<'a>(reader: &mut Reader<'a>) -> Result<Bind<'a>, Broken> {
    if reader.rest().len() > MAX_BIND_BYTES {
        return Err(Broken(format!("more than {MAX_BIND_BYTES} bytes")));
    }
    Ok(Bind {
        slot: reader.half()?,
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

fn read_texts<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, Broken> {
    let count = reader.count()?;
    if count > MAX_BIND_TYPES {
        return Err(Broken(format!("more than {MAX_BIND_TYPES} types")));
    }
    // Not collected, since a declared count allocates nothing.
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(reader.str()?);
    }
    Ok(texts)
}

fn read_exception(reader: &mut Reader<'_>) -> Result<Exception, Broken> {
    let kind = reader.str()?;
    let kind = ExceptionType::from_text(kind)
        .ok_or_else(|| Broken(format!("there is no exception type `{}`", shortened(kind))))?;
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
        own_kind: Option::decode(reader)?,
        valid_signatures: Vec::decode(reader)?,
    })
}

fn begin(kind: Kind, out: &mut Outbox) -> Mark {
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

/// Begins a REQ, whose arguments follow.
pub fn begin_request(request: &Request, out: &mut Outbox) -> Mark {
    let mark = out.begin_frame();
    let mut head = [0; REQUEST_HEAD];
    head[0] = Kind::Request as u8;
    head[1..9].copy_from_slice(&request.call.to_le_bytes());
    head[9..13].copy_from_slice(&request.slot.to_le_bytes());
    head[13..].copy_from_slice(&request.deadline_ms.unwrap_or(NO_DEADLINE).to_le_bytes());
    out.bytes().extend_from_slice(&head);
    mark
}

/// Begins a RES, whose values follow.
pub fn begin_result(call: u64, out: &mut Outbox) -> Mark {
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
