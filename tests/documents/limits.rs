//! Holds the limits in `docs/OPERATIONS.md` against the constants of the code.
//!
//! A constant is a limit if it is called `MAX_...` or `MIN_...`, or if it is a `Duration`. Each of
//! them is in one of the tables below: it has a row in the document, or a reason to have none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");

/// Limits with a row under "Fixed limits": the file, the constant, and the name in the row.
const FIXED: &[(&str, &str, &str)] = &[
    (
        "runtime/wire/src/frame.rs",
        "MAX_FRAME_LIMIT",
        "largest value of `--max-frame`",
    ),
    (
        "runtime/wire/src/members.rs",
        "MAX_MEMBERS",
        "members of a message, and of its `value`",
    ),
    (
        "runtime/wire/src/members.rs",
        "MAX_ARGUMENTS",
        "arguments of a call",
    ),
    (
        "runtime/wire/src/binary.rs",
        "MAX_BIND_TYPES",
        "argument types of a BIND, and return types",
    ),
    (
        "runtime/wire/src/binary.rs",
        "MAX_BIND_BYTES",
        "size of a BIND",
    ),
    (
        "runtime/wire/src/link.rs",
        "CONTROL_BURST",
        "control frames at once",
    ),
    (
        "runtime/wire/src/link.rs",
        "CONTROL_PER_SECOND",
        "control frames in each second after that",
    ),
    (
        "runtime/wire/src/exception.rs",
        "MAX_MESSAGE_CHARS",
        "message of an exception",
    ),
    (
        "runtime/wire/src/exception.rs",
        "MAX_KIND_CHARS",
        "kind of an exception",
    ),
    (
        "runtime/wire/src/exception.rs",
        "MAX_SIGNATURES_BYTES",
        "valid signatures in an exception",
    ),
    (
        "runtime/wire/src/lib.rs",
        "GREETING_TIMEOUT",
        "time until the first message of a server",
    ),
    ("runtime/wire/src/lib.rs", "LONGEST_CALL", "longest call"),
    (
        "src/args.rs",
        "MAX_DURATION",
        "longest time that a flag takes",
    ),
    (
        "runtime/server/src/connection/accept.rs",
        "BACKLOG",
        "connections that wait to be accepted",
    ),
    (
        "runtime/server/src/connection/accept.rs",
        "ACCEPT_PAUSE",
        "pause after accepting has failed",
    ),
    (
        "runtime/server/src/connection/pressure.rs",
        "FREE_UNFINISHED_BYTES",
        "beginning of an incomplete message that does not count for `--max-unfinished`",
    ),
    (
        "runtime/server/src/connection/end.rs",
        "LINGER",
        "time for a peer to read its last answer and to close the connection",
    ),
    (
        "runtime/server/src/connection/end.rs",
        "MAX_DROPPED_BYTES",
        "bytes that are read and dropped meanwhile",
    ),
    (
        "runtime/server/src/connection/pressure.rs",
        "REFUSAL_PAUSE",
        "pause after a refused message beyond `--max-refusals`",
    ),
    (
        "runtime/server/src/connection/peers.rs",
        "MAX_PEERS",
        "addresses that are counted separately",
    ),
    (
        "runtime/server/src/text/mod.rs",
        "MESSAGES_PER_TURN",
        "messages of a text session in one turn",
    ),
    (
        "runtime/server/src/binary/turn.rs",
        "MAX_FRAMES",
        "frames of a binary session in one turn",
    ),
    (
        "runtime/server/src/binary/turn.rs",
        "MAX_TIME",
        "time of one turn of a binary session",
    ),
    (
        "runtime/server/src/binary/slots.rs",
        "SLOT_BYTES",
        "signature in a slot, beside its BIND, for `--max-bound`",
    ),
    (
        "runtime/server/src/deployment/mod.rs",
        "MAX_PROOF_MESSAGE_BYTES",
        "message before the proof of the deploy key",
    ),
    (
        "runtime/server/src/deployment/access.rs",
        "MAX_WRONG_PROOFS",
        "wrong proofs on one connection",
    ),
    (
        "runtime/server/src/connection/proof_tries.rs",
        "FREE_TRIES",
        "wrong proofs of one address that are answered at once",
    ),
    (
        "runtime/server/src/connection/proof_tries.rs",
        "TRY_PAUSE",
        "wait before each of these answers",
    ),
    (
        "runtime/server/src/connection/proof_tries.rs",
        "MAX_WAITING_TRIES",
        "answers that wait, of one address",
    ),
    (
        "runtime/server/src/connection/proof_tries.rs",
        "TRIES_REMEMBERED",
        "time after which wrong proofs are forgotten",
    ),
    (
        "runtime/deploy/src/key_file.rs",
        "MIN_KEY_BYTES",
        "smallest key",
    ),
    (
        "runtime/deploy/src/key_file.rs",
        "MAX_KEY_FILE_BYTES",
        "size of a key file",
    ),
    (
        "runtime/deploy/src/message.rs",
        "MAX_FILE_BYTES",
        "size of a file",
    ),
    (
        "schema/src/document/files.rs",
        "MAX_SOURCE_BYTES",
        "size of a file",
    ),
    (
        "runtime/deploy/src/message.rs",
        "MAX_MANIFEST_BYTES",
        "size of a manifest",
    ),
    (
        "runtime/deploy/src/message.rs",
        "MAX_NAMED_FILES",
        "files that one message names",
    ),
    (
        "runtime/deploy/src/message.rs",
        "MAX_ORIGIN_CHARS",
        "texts `by` and `note` of an apply",
    ),
    (
        "runtime/deploy/src/participant.rs",
        "MAX_LEASE",
        "longest lease",
    ),
    (
        "runtime/initializer/src/apply.rs",
        "LEASE_RESERVE",
        "time that a lease lasts beyond `initializer --timeout`",
    ),
    (
        "runtime/deploy/src/participant.rs",
        "MAX_OUTCOMES",
        "outcomes that a server remembers",
    ),
    (
        "runtime/initializer/src/connection.rs",
        "CONNECT_TIMEOUT",
        "time to connect to a server",
    ),
    (
        "runtime/initializer/src/apply.rs",
        "MAX_TRIES",
        "tries of a step that may be repeated",
    ),
    (
        "runtime/initializer/src/apply.rs",
        "RETRY_PAUSE",
        "pause between these tries",
    ),
    (
        "runtime/server/src/engine/python/zygote.rs",
        "FORK_TIMEOUT",
        "time to start a worker",
    ),
    (
        "runtime/server/src/engine/python/zygote.rs",
        "STOP_TIMEOUT",
        "time for workers to end when the server stops, and then for their output",
    ),
    (
        "runtime/server/src/log/meter.rs",
        "MAX_LINES_PER_SECOND",
        "lines per second about one procedure or worker",
    ),
    (
        "runtime/server/src/connection/peers.rs",
        "REFUSAL_LINES",
        "lines per second about what one address sent",
    ),
    (
        "runtime/server/src/connection/peers.rs",
        "CONNECTION_LINES",
        "lines per second about the connections of one address",
    ),
    (
        "runtime/server/src/log/mod.rs",
        "MAX_FIELD_CHARS",
        "field of a line",
    ),
    (
        "runtime/server/src/engine/python/worker.rs",
        "MAX_OUTPUT_LINE_BYTES",
        "printed line",
    ),
    (
        "runtime/server/src/log/mod.rs",
        "MAX_QUEUED_BYTES",
        "lines that wait to be written",
    ),
    (
        "runtime/server/src/log/mod.rs",
        "MAX_SINK_STALL",
        "time that it waits",
    ),
    (
        "schema/src/read.rs",
        "MAX_FILE_BYTES",
        "size of `init.yaml`",
    ),
    (
        "schema/src/guard.rs",
        "MAX_DEPTH",
        "levels of lists and mappings",
    ),
    ("schema/src/guard.rs", "MAX_NODES", "keys and values"),
    ("schema/src/types.rs", "MAX_TYPE_DEPTH", "levels of a type"),
    (
        "schema/src/types.rs",
        "MAX_TYPE_NODES",
        "types inside a type",
    ),
    (
        "schema/src/types.rs",
        "MAX_TYPE_BYTES",
        "size of the text of a type",
    ),
    (
        "schema/src/types.rs",
        "MAX_TUPLE_LEN",
        "elements of a `Tuple`",
    ),
    (
        "schema/src/types/named.rs",
        "MAX_MEMBERS",
        "fields of a record, items of an enumeration",
    ),
    (
        "rpcgen/src/emit/overloads.rs",
        "MAX_IMPLEMENTATIONS",
        "combinations of forms of one overload",
    ),
    ("schema/src/diagnostic.rs", "MAX_FINDINGS", "findings"),
    (
        "schema/src/diagnostic/render.rs",
        "MAX_RENDERED_FINDINGS",
        "findings that are shown",
    ),
    (
        "conformance/src/check.rs",
        "TIME_LIMIT",
        "time for the check of all sources",
    ),
    (
        "conformance/src/check.rs",
        "FILE_TIME_LIMIT",
        "time for the check of one file",
    ),
    (
        "conformance/src/python.rs",
        "MAX_MEMORY_BYTES",
        "memory of the Python that checks",
    ),
    (
        "conformance/src/python.rs",
        "MAX_ANSWER_BYTES",
        "its answer about one file",
    ),
    (
        "runtime/client/src/network.rs",
        "DEFAULT_DEADLINE",
        "deadline of a call, if nothing declares or sets one",
    ),
    (
        "runtime/client/src/builder.rs",
        "DEFAULT_SESSIONS",
        "binary sessions to one server",
    ),
    (
        "runtime/client/src/multiplexed_pool.rs",
        "CALLS_PER_SESSION",
        "asynchronous calls on a session before another one is opened",
    ),
    (
        "runtime/wire/src/calls/outgoing.rs",
        "MAX_CALLS",
        "calls in flight on one session",
    ),
    (
        "runtime/client/src/text/pool.rs",
        "MAX_IDLE_SESSIONS",
        "idle text sessions to one server",
    ),
    (
        "runtime/client/src/connect.rs",
        "DEADLINE_GRACE",
        "time beyond the deadline in which the server's own answer about it may arrive",
    ),
    (
        "runtime/client/src/multiplexed.rs",
        "WRITE_TIMEOUT",
        "time in which a server must take bytes",
    ),
    (
        "runtime/client/src/retry.rs",
        "MAX_FRESH_RETRIES",
        "fresh sessions over which a call that was not taken is sent again",
    ),
];

/// Rows under "Fixed limits" whose value is not that of a constant.
const OTHER_ROWS: &[&str] = &["connections beyond `--max-connections` that get an answer"];

/// Constants without a row: the reason, and the constants.
const WITHOUT_ROW: &[(&str, &[(&str, &str)])] = &[
    (
        "they tune speed or memory, and nobody is refused anything",
        &[
            ("conformance/src/check.rs", "MIN_FILES_PER_PROCESS"),
            ("conformance/src/python.rs", "MAX_WAITING_ANSWERS"),
            ("runtime/client/src/blocking.rs", "MAX_SHORT_WRITE"),
            ("runtime/client/src/blocking.rs", "RECENT"),
            ("runtime/client/src/text/session.rs", "MIN_READ_BYTES"),
            ("runtime/deploy/src/packed.rs", "MAX_PREALLOCATED_BYTES"),
            ("runtime/deploy/src/packed.rs", "MAX_WINDOW_LOG"),
            ("runtime/deploy/src/packed.rs", "MIN_WINDOW_LOG"),
            ("runtime/server/src/binary/busy_poll.rs", "MAX_POLL_TIME"),
            (
                "runtime/server/src/binary/busy_poll.rs",
                "MAX_TURN_INTERVAL",
            ),
            ("runtime/server/src/binary/turn.rs", "MAX_UNWRITTEN_ANSWERS"),
            ("runtime/server/src/engine/native.rs", "SLOW"),
            ("runtime/server/src/engine/native.rs", "TRIAL_WAIT"),
            ("runtime/server/src/engine/python/worker.rs", "POLL_TIME"),
            ("runtime/server/src/log/mod.rs", "WRITE_INTERVAL"),
            ("runtime/wire/src/block.rs", "MAX_KEPT_BYTES"),
            ("runtime/wire/src/calls/outgoing.rs", "MAX_KEPT"),
            ("runtime/wire/src/inbox.rs", "MAX_SHORT_FRAME"),
            ("runtime/wire/src/inbox.rs", "MIN_HEAD"),
            ("runtime/wire/src/outbox.rs", "MAX_SLICES"),
        ],
    ),
    (
        "they say how often something is looked at, or how long a moment is",
        &[
            ("conformance/src/python.rs", "STDERR_TIME"),
            ("runtime/client/src/blocking.rs", "LAST_MESSAGE_TIMEOUT"),
            ("runtime/client/src/connect.rs", "MIN_TIMEOUT"),
            ("runtime/initializer/src/survey.rs", "RETRY_PAUSE"),
            ("runtime/server/src/binary/mod.rs", "ABANDONED_PAUSE"),
            ("runtime/server/src/connection/accept.rs", "CHORE_INTERVAL"),
            (
                "runtime/server/src/engine/python/worker.rs",
                "LOADING_PAUSE",
            ),
            (
                "runtime/server/src/engine/python/worker.rs",
                "UNFINISHED_LINE_TIMEOUT",
            ),
            ("runtime/server/src/engine/python/zygote.rs", "END_TIMEOUT"),
            ("src/client.rs", "RETRY_PAUSE"),
            ("src/initializer/watch.rs", "MAX_DELAY"),
            ("src/initializer/watch.rs", "QUIET_PERIOD"),
            ("src/initializer/watch.rs", "RETRY_PAUSE"),
        ],
    ),
    (
        "they say how much of something is shown or searched for a message",
        &[
            ("conformance/src/python.rs", "MAX_STDERR_BYTES"),
            ("runtime/wire/src/exception.rs", "MAX_LOGGED_CHARS"),
            ("runtime/wire/src/json.rs", "MAX_SHOWN_CHARS"),
            ("runtime/wire/src/json/record.rs", "MAX_LISTED"),
            ("schema/src/check/names.rs", "MAX_HINTED_NAMES"),
            ("schema/src/diagnostic.rs", "MAX_FINDINGS_WITH_NAMES"),
            ("schema/src/diagnostic/external_place.rs", "MAX_LINE_CHARS"),
            ("schema/src/diagnostic/render.rs", "MAX_BYTES_AFTER"),
            ("schema/src/diagnostic/render.rs", "MAX_BYTES_BEFORE"),
            ("schema/src/diagnostic/render.rs", "MAX_TEXT_BYTES"),
            ("schema/src/guard/syntax.rs", "MAX_QUOTED_BYTES"),
            ("schema/src/overloads.rs", "MAX_SEARCHED_POSITIONS"),
            ("schema/src/suggest.rs", "MAX_CANDIDATES"),
            ("schema/src/suggest.rs", "MAX_COMPARED_CHARS"),
            ("src/initializer/print/plan.rs", "MAX_ROWS"),
            ("src/initializer/progress.rs", "MIN_BAR_BYTES"),
        ],
    ),
    (
        "they belong to a format, and both ends are of this project",
        &[
            ("runtime/initializer/src/history.rs", "MIN_ID_DIGITS"),
            (
                "runtime/server/src/engine/python/interpreter.rs",
                "MIN_VERSION",
            ),
            (
                "runtime/server/src/engine/python/zygote.rs",
                "MAX_MESSAGE_BYTES",
            ),
        ],
    ),
];

/// A file, and the name of a constant in it.
type ConstantPlace = (String, String);

#[test]
fn every_limit_of_the_code_has_a_row_or_a_reason() {
    let known: BTreeSet<ConstantPlace> = FIXED
        .iter()
        .map(|(file, name, _)| (*file, *name))
        .chain(
            WITHOUT_ROW
                .iter()
                .flat_map(|(_, places)| places.iter().copied()),
        )
        .map(|(file, name)| (file.to_owned(), name.to_owned()))
        .collect();
    let constants = constants();
    let gone: Vec<_> = known
        .iter()
        .filter(|place| !constants.contains_key(place))
        .collect();
    assert!(gone.is_empty(), "the code has no such constants: {gone:?}");
    let is_limit = |name: &str, ty: &str| {
        name.starts_with("MAX_") || name.starts_with("MIN_") || ty.ends_with("Duration")
    };
    let unknown: Vec<_> = constants
        .iter()
        .filter(|((_, name), (ty, _))| is_limit(name, ty))
        .map(|(place, _)| place)
        .filter(|place| !known.contains(place))
        .collect();
    assert!(
        unknown.is_empty(),
        "add a row to `Fixed limits` of OPERATIONS.md, or a reason to this file: {unknown:?}"
    );
}

#[test]
fn every_fixed_limit_has_the_value_of_its_constant() {
    let constants = constants();
    let rows = rows();
    for (file, name, row) in FIXED {
        let place = ((*file).to_owned(), (*name).to_owned());
        let (_, expression) = &constants[&place];
        let documented = rows.get(row).unwrap_or_else(|| panic!("no row `{row}`"));
        assert_eq!(
            documented_value(documented),
            evaluate(expression, &constants),
            "`{row}` is {documented}, and {name} is {expression}"
        );
    }
    let of_constants: BTreeSet<&str> = FIXED.iter().map(|(_, _, row)| *row).collect();
    let others: Vec<_> = rows
        .into_keys()
        .filter(|row| !of_constants.contains(row))
        .collect();
    assert_eq!(others, OTHER_ROWS);
}

/// Returns the rows under "Fixed limits": the name and the value of each.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let section = OPERATIONS
        .split_once("\n### Fixed limits\n")
        .expect("the section")
        .1;
    let section = section.split_once("\n## ").expect("its end").0;
    let cells = |line: &'static str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?, cells.next()?))
    };
    let is_head = |value: &str| value.is_empty() || value.starts_with('|');
    section
        .lines()
        .filter_map(cells)
        .filter(|(_, value)| !is_head(value))
        .collect()
}

/// Returns every constant with its type and its value, as they are written.
fn constants() -> BTreeMap<ConstantPlace, (String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "conformance/src",
        "rpcgen/src/emit",
        "runtime",
        "schema/src",
        "src",
    ] {
        add_sources(&root.join(folder), &mut files);
    }
    let mut constants = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        let file = file
            .strip_prefix(root)
            .expect("inside of the root")
            .display()
            .to_string();
        for (at, _) in code.match_indices("const ") {
            let entry = code[at + "const ".len()..]
                .split(';')
                .next()
                .unwrap_or_default();
            let Some(((name, ty), value)) = entry
                .split_once(" =")
                .and_then(|(head, value)| Some((head.split_once(": ")?, value)))
            else {
                continue;
            };
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            if name.chars().all(is_name) {
                let written = (ty.to_owned(), value.trim().to_owned());
                constants.insert((file.clone(), name.to_owned()), written);
            }
        }
    }
    constants
}

/// Adds the Rust files of a folder that are not tests.
fn add_sources(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                add_sources(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["tests.rs", "model.rs"].contains(&&*name)
        {
            files.push(path);
        }
    }
}

/// Returns the value of an expression. Times are in microseconds.
fn evaluate(expression: &str, constants: &BTreeMap<ConstantPlace, (String, String)>) -> u64 {
    let evaluate = |part: &str| evaluate(part.trim(), constants);
    let expression = expression.trim_start_matches("std::time::");
    if let Some((unit, count)) = expression
        .strip_prefix("Duration::from_")
        .and_then(|call| call.strip_suffix(')')?.split_once('('))
    {
        let microseconds = match unit {
            "micros" => 1,
            "millis" => 1_000,
            "secs" => 1_000_000,
            "mins" => 60_000_000,
            "hours" => 3_600_000_000,
            _ => panic!("unknown unit: {expression}"),
        };
        return evaluate(count) * microseconds;
    }
    if let Some((value, shift)) = expression.split_once("<<") {
        return evaluate(value) << evaluate(shift);
    }
    if let Some((left, right)) = expression.split_once('*') {
        return evaluate(left) * evaluate(right);
    }
    if let Ok(number) = expression.replace('_', "").parse() {
        return number;
    }
    let named = constants.iter().find(|((_, name), _)| name == expression);
    let (_, (_, value)) = named.unwrap_or_else(|| panic!("unknown value: {expression}"));
    evaluate(value)
}

/// Returns the value that a row shows, such as `64 KiB` or `8,000 characters`. Times are in
/// microseconds.
fn documented_value(text: &str) -> u64 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().expect(text);
    number
        * match unit {
            "" | "bytes" | "characters" | "µs" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "ms" => 1_000,
            "s" => 1_000_000,
            "min" => 60_000_000,
            "days" => 24 * 3_600_000_000,
            _ => panic!("unknown unit: {text}"),
        }
}
