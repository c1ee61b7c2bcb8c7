//! [`MessageWriter`]: the braces, commas and quotes of a message in text.

use serde::Serialize;

/// Writes a message to memory: its header, then the members of its value.
#[derive(Debug)]
pub(crate) struct MessageWriter<'a> {
    out: &'a mut Vec<u8>,
    has_members: bool,
}

impl<'a> MessageWriter<'a> {
    /// Begins a message. `header` is written as it is, between quotes.
    pub(crate) fn begin(header: &str, out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"header\":\"");
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(b"\",\"value\":{");
        Self {
            out,
            has_members: false,
        }
    }

    /// Writes a member whose value has no maps with keys other than texts.
    pub(crate) fn member(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.name(name);
        // Such a value has a JSON text, and memory takes every byte.
        let _ = serde_json::to_writer(&mut *self.out, value);
    }

    /// Writes a member whose value is a JSON text already.
    pub(crate) fn json_member(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Writes a member whose value is a list. `write_items` appends the JSON texts of its items,
    /// separated by commas.
    ///
    /// # Errors
    /// The error of `write_items`. The message is then incomplete.
    pub(crate) fn list_member<E>(
        &mut self,
        name: &str,
        write_items: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.name(name);
        self.out.push(b'[');
        write_items(self.out)?;
        self.out.push(b']');
        Ok(())
    }

    /// Ends the message.
    pub(crate) fn end(self) {
        self.out.extend_from_slice(b"}}");
    }

    fn name(&mut self, name: &str) {
        if self.has_members {
            self.out.push(b',');
        }
        self.has_members = true;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}
