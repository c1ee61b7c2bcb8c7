//! [`Mutator`]: small changes to the bytes, the words and the lines of a text.

use std::ops::Range;

use fastrand::Rng;

/// Texts that have a meaning in YAML or in the format.
const TOKENS: &[&str] = &[
    "- ",
    ": ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "? ",
    "&a ",
    "*a",
    "*limits",
    "<<: ",
    "!!str ",
    "! ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "# ",
    "'",
    "\"",
    "\\",
    "\t",
    "\r\n",
    "\n",
    "\n  ",
    "%YAML 1.2\n",
    "~",
    "null",
    "true",
    "yes",
    "0x1F",
    "1e3",
    ".nan",
    "-1",
    "70000",
    "99999999999999999999",
    "é",
    "😀",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\0",
    "version: ",
    "network: ",
    "services: ",
    "types: ",
    "x-a: ",
    "servers: ",
    "clients: ",
    "deployers: ",
    "ip: ",
    "port: ",
    "name: ",
    "types: ",
    "fields: ",
    "items: ",
    "provider: ",
    "tenants: ",
    "modules: ",
    "data: ",
    "allow: ",
    "concurrency: ",
    "rpcs: ",
    "doc: ",
    "arguments: ",
    "returns: ",
    "path: ",
    "native: ",
    "deadline: ",
    "idempotent: ",
    "memory: ",
    "connect: ",
    "read: ",
    "env: ",
    "server1",
    "client1",
    "svc1",
    "127.0.0.1",
    "\"::1\"",
    "5s",
    "512MiB",
    "../x.py",
    "List[int]",
    "\"List[int]\"",
    "Tally",
];

const TYPE_TOKENS: &[&str] = &[
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "string",
    "Level",
    "Tally{a: int}",
    "{",
    "}",
    ":",
    "List",
    "Dict",
    "Optional",
    "Tuple",
    "list",
    "tuple",
    "Callable",
    "Stream",
    "inte",
    "[",
    "]",
    ",",
    " ",
    "\n",
    "é",
    "_",
    "1",
    "",
    "List[",
    "Optional[",
    "Dict[str, ",
    "Tuple[int, ",
];

/// A source of random changes, which all follow from a seed.
pub struct Mutator(Rng);

impl Mutator {
    /// Creates a mutator.
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Returns a random number below `limit`, or 0 if `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit.max(1))
    }

    /// Makes one random change.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        match self.below(4) {
            0 | 1 => self.mutate_bytes(bytes),
            2 => self.mutate_words(bytes),
            _ => self.mutate_lines(bytes),
        }
    }

    /// Returns the text of a type, or of something similar, which may nest far too deep.
    pub fn type_text(&mut self) -> String {
        let mut text: String = (0..self.below(8)).map(|_| self.any(TYPE_TOKENS)).collect();
        if self.below(4) == 0 {
            text = self.nested(["List[", "Optional[List[", "Dict[int, "], &text, "]");
        }
        text
    }

    fn mutate_bytes(&mut self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        match self.below(5) {
            0 => bytes.truncate(self.below(length)),
            1 => drop(bytes.drain(self.range(length))),
            2 => bytes.extend_from_within(self.range(length)),
            3 if length > 0 => bytes[self.below(length)] ^= 1 << self.below(8),
            _ => {
                let part = bytes[self.range(length)].to_vec();
                self.insert(bytes, &part);
            }
        }
    }

    fn mutate_words(&mut self, bytes: &mut Vec<u8>) {
        let word = self.word(bytes);
        let replacement = match self.below(6) {
            0 => self.type_text().into_bytes(),
            1 => [b"&a ", &bytes[word.clone()]].concat(),
            2 => b"*a".to_vec(),
            3 => self
                .nested(["[", "{a: ", "- ", "[{b: "], "x", "]")
                .into_bytes(),
            4 => return self.insert_token(bytes),
            _ => self.any(TOKENS).as_bytes().to_vec(),
        };
        bytes.splice(word, replacement);
    }

    fn mutate_lines(&mut self, bytes: &mut Vec<u8>) {
        let line = self.line(bytes);
        let text = bytes[line.clone()].to_vec();
        match self.below(5) {
            0 => drop(bytes.drain(line)),
            1 => drop(bytes.splice(line.start..line.start, text)),
            2 => drop(bytes.splice(line.start..line.start, *b"  ")),
            3 if text.starts_with(b" ") => drop(bytes.remove(line.start)),
            _ => {
                bytes.drain(line);
                let other = self.line(bytes).start;
                bytes.splice(other..other, text);
            }
        }
    }

    fn insert_token(&mut self, bytes: &mut Vec<u8>) {
        let token = self.any(TOKENS);
        self.insert(bytes, token.as_bytes());
    }

    fn insert(&mut self, bytes: &mut Vec<u8>, part: &[u8]) {
        let at = self.below(bytes.len() + 1);
        bytes.splice(at..at, part.iter().copied());
    }

    /// Puts `inner` inside brackets: a few, about as many as a limit allows, or very many.
    fn nested<const N: usize>(&mut self, open: [&str; N], inner: &str, close: &str) -> String {
        let depth = [3, 33, 65, 300, 2_000][self.below(5)];
        let open = open[self.below(N)];
        let closed = if self.below(2) == 0 { depth } else { 0 };
        format!("{}{inner}{}", open.repeat(depth), close.repeat(closed))
    }

    fn any<'t>(&mut self, tokens: &[&'t str]) -> &'t str {
        tokens[self.below(tokens.len())]
    }

    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length);
        start..start + self.below((length - start).min(40))
    }

    /// Returns the range of the word at a random byte.
    fn word(&mut self, bytes: &[u8]) -> Range<usize> {
        let at = self.below(bytes.len());
        around(bytes, at, |byte| !byte.is_ascii_alphanumeric())
    }

    /// Returns the range of the line at a random byte, without its line break.
    fn line(&mut self, bytes: &[u8]) -> Range<usize> {
        let at = self.below(bytes.len());
        around(bytes, at, |byte| byte == b'\n')
    }
}

fn around(bytes: &[u8], at: usize, ends: impl Fn(u8) -> bool) -> Range<usize> {
    let start = bytes[..at]
        .iter()
        .rposition(|byte| ends(*byte))
        .map_or(0, |end| end + 1);
    let end = bytes[at..]
        .iter()
        .position(|byte| ends(*byte))
        .map_or(bytes.len(), |end| at + end);
    start..end
}
