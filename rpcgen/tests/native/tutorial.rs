use rpc_runtime::{Call, Failure};
use stubs::words::Handler;

struct Words;

impl Handler for Words {
    async fn longest(&self, _call: &Call, text: String) -> Result<String, Failure> {
        let longest = text.split_whitespace().max_by_key(|word| word.len());
        longest.map(str::to_owned).ok_or_else(|| Failure::new("NoWords", "the text has no words"))
    }
}
