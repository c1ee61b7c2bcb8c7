use stubs::words::Calls;

/// Returns how many words occur more than once. `words` is a client, or a mock in tests.
fn repeated(words: &impl Calls, text: &str) -> Result<usize, rpc_runtime::Error> {
    Ok(words.count(text)?.values().filter(|times| **times > 1).count())
}

#[test]
fn a_word_that_occurs_twice_is_repeated() -> Result<(), rpc_runtime::Error> {
    let counts = [("a".to_owned(), 2), ("b".to_owned(), 1)];
    let mock = words::Mock::new().on_count_str(move |_text| Ok(counts.clone().into()));
    assert_eq!(repeated(&mock, "a b a")?, 1);
    assert_eq!(mock.recorded()[0].to_string(), r#"words.count("a b a")"#);
    Ok(())
}
