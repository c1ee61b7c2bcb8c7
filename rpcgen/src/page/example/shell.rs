//! A call from the shell: with `nc`, and with `rpc-client`.

use super::Call;
use super::json::{json, list, texts};
use super::sample::Sample;

/// One line of JSON, sent from the client's own address.
pub fn nc(call: &Call<'_>) -> String {
    let Call {
        provided,
        caller,
        arguments,
        ..
    } = call;
    let request = format!(
        r#"{{"header": "RPC-REQ", "value": {{"service": "{}", "rpc": "{}", "argument-types": {}, "arguments": {}, "client": "{}"}}}}"#,
        provided.service.name,
        call.rpc().name,
        texts(&call.argument_types()),
        list(arguments.iter().map(json)),
        caller.name,
    );
    let address = provided.provider.address;
    let (request, ip, host, port) = (quoted(&request), caller.ip, address.ip(), address.port());
    format!("printf '%s\\n' {request} | nc -N -s {ip} {host} {port}")
}

/// The types are named where the values alone could mean another overload.
pub fn rpc_client(call: &Call<'_>) -> String {
    let Call {
        subject,
        provided,
        caller,
        arguments,
        ..
    } = call;
    let (init, service, rpc) = (
        file(&subject.file),
        &provided.service.name,
        &call.rpc().name,
    );
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

/// A file's name, which the program must not take for a flag.
fn file(name: &str) -> String {
    if name.starts_with('-') {
        quoted(&format!("./{name}"))
    } else {
        quoted(name)
    }
}

/// Where a `str` is declared, plain words do.
fn word(argument: &Sample) -> String {
    match argument {
        Sample::Str(text) => (*text).to_owned(),
        argument => json(argument),
    }
}

/// A word as the shell takes it: in single quotes where it has characters that mean something
/// there.
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
    fn a_word_arrives_as_it_is() {
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
