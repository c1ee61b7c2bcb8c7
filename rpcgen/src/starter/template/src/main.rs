//! A client of the network that `init.yaml` describes.

mod stubs {
    rpc_runtime::include_stubs!();
}

use std::process::ExitCode;

use rpc_runtime::{Error, Network};
use stubs::TOPOLOGY;
use stubs::words::{self, Calls};

fn main() -> ExitCode {
    match call() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn call() -> Result<(), Error> {
    let network = Network::builder(&TOPOLOGY).build()?;
    let client = words::Client::new(&network);
    println!("{:?}", client.count("to be or not to be")?);
    println!("{:?}", client.count(["to be", "to do"])?);
    println!("{:?}", repeated(&client, "to be or not to be")?);
    Ok(())
}

/// Returns the words that occur more than once. `words` is a client, or a mock in tests.
fn repeated(words: &impl Calls, text: &str) -> Result<Vec<String>, Error> {
    let counts = words.count(text)?.into_iter();
    let repeated = counts.filter(|(_word, times)| *times > 1);
    Ok(repeated.map(|(word, _times)| word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_occurs_twice_is_repeated() -> Result<(), Error> {
        let counts = [("a".to_owned(), 2), ("b".to_owned(), 1)];
        let mock = words::Mock::new().on_count_str(move |_text| Ok(counts.clone().into()));
        assert_eq!(repeated(&mock, "a b a")?, ["a"]);
        assert_eq!(mock.recorded()[0].to_string(), r#"words.count("a b a")"#);
        Ok(())
    }
}
