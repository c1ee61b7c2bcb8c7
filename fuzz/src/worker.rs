//! What a worker says to its server: any pieces give the same answers, and no bytes give more than
//! they have.

use server::fuzzing::{parse_load_answer, parse_worker_answer, take_worker_answer};

use crate::Decisions;

/// Number of the call that is answered.
const CALL: u32 = 7;

/// Feeds nearly valid answers in random pieces.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let mut stream = Vec::new();
    for _ in 0..decisions.below(6) {
        let answer = any_answer(&mut decisions);
        check_answer(&answer);
        let length = u32::try_from(answer.len()).expect("a short answer");
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&answer);
    }
    for _ in 0..decisions.below(3) {
        decisions.mutate(&mut stream);
    }
    let whole = answers(&stream, usize::MAX);
    for piece in [1, 5, 300] {
        assert_eq!(answers(&stream, piece), whole, "pieces of {piece} bytes");
    }
    whole.0.iter().for_each(|answer| check_answer(answer));
}

fn any_answer(decisions: &mut Decisions<'_>) -> Vec<u8> {
    let is_loading = decisions.once_in(3);
    let mut answer = if is_loading {
        Vec::new()
    } else {
        CALL.to_le_bytes().to_vec()
    };
    answer.push(decisions.below(7) as u8);
    let body: &[u8] = match decisions.below(5) {
        0 => br#"{"kind":"ValueError","message":"\u001b[31m","traceback":"line 1\nline 2"}"#,
        1 => br#"{"message":"svc1.one returned a str"}"#,
        2 => br#"[{"procedure":"svc1.one()","path":"one.py","line":3,"message":"no"}]"#,
        3 => b"services/svc1/one.py",
        _ => &[7; 40],
    };
    answer.extend_from_slice(body);
    for _ in 0..decisions.below(3) {
        decisions.mutate(&mut answer);
    }
    answer
}

fn check_answer(answer: &[u8]) {
    let is_ready = parse_load_answer(answer).is_ok_and(|is_ready| is_ready);
    assert!(!is_ready || answer.len() == 1);
    if let Ok(Some(values)) = parse_worker_answer(answer, CALL) {
        assert!(answer.ends_with(&values) && values.len() + 5 == answer.len());
    }
    let other = parse_worker_answer(answer, CALL + 1);
    assert!(other.is_err() || answer[..4] == (CALL + 1).to_le_bytes());
}

/// Returns the answers of a stream that arrives in pieces, and the error that ends it.
fn answers(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<String>) {
    let mut found = Vec::new();
    let mut input = Vec::new();
    for piece in stream.chunks(piece.min(stream.len().max(1))) {
        input.extend_from_slice(piece);
        loop {
            match take_worker_answer(&mut input) {
                Ok(Some(answer)) => found.push(answer),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}
