//! A call from the shell: with `nc`, and with `rpc-client`.

use super::ExampleCall;
use super::json::{json, list, string_list};
use super::sample::Sample;

/// Returns the command that sends one line of JSON from the client's own address.
pub fn nc(call: &ExampleCall<'_>) -> String {
    let ExampleCall {
        entry,
        caller,
        ip,
        arguments,
        ..
    } = call;
    let request = format!(
        r#"{{"header": "RPC-REQ", "value": {{"service": "{}", "rpc": "{}", "argument-types": {}, "arguments": {}, "client": "{}"}}}}"#,
        entry.service.name,
        call.rpc().name,
        string_list(&call.argument_types()),
        list(arguments.iter().map(json)),
        caller.name,
    );
    format!(
        "printf '%s\\n' {request} | nc -N -s {ip} {host} {port}",
        request = quoted(&request),
        host = entry.provider.address.ip(),
        port = entry.provider.address.port(),
    )
}

/// Returns the command for `rpc-client`. It names the types if the values alone could mean another
/// overload.
pub fn rpc_client(call: &ExampleCall<'_>) -> String {
    let ExampleCall {
        subject,
        entry,
        caller,
        arguments,
        ..
    } = call;
    let init = file(&subject.file);
    let service = &entry.service.name;
    let rpc = &call.rpc().name;
    let mut command = format!(
        "rpc-client --init {init} --as {} call {service}.{rpc}",
        caller.name
    );
    for argument in arguments {
        command.extend([" ", &quoted(&word(argument))]);
    }
    if call.overloads.rpcs.len() > 1 {
        command.extend([" --types ", &quoted(&call.argument_types().join(","))]);
    }
    command
}

/// Returns a file's name. One that begins with `-` gets a prefix, so that it is not read as a flag.
fn file(name: &str) -> String {
    if name.starts_with('-') {
        quoted(&format!("./{name}"))
    } else {
        quoted(name)
    }
}

/// Returns an argument as `rpc-client` reads it. For a `str` it is the plain text, without quotes.
fn word(argument: &Sample) -> String {
    match argument {
        Sample::Str(text) => (*text).to_owned(),
        argument => json(argument),
    }
}

/// Returns a word of a shell command. It is in single quotes if it has special characters.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.,:/=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_special_characters_are_quoted() {
        for (word, written) in [
            ("init.yaml", "init.yaml"),
            ("7", "7"),
            ("", "''"),
            ("[\"a\"]", "'[\"a\"]'"),
            ("it's", r"'it'\''s'"),
            ("a b", "'a b'"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(quoted(word), written);
        }
    }
}
