//! The files from which the mutations start.

use super::markdown::blocks;
use rpc_schema::Code;

/// A correct file that uses every feature of the format.
pub const GOOD: &str = include_str!("good.yaml");

/// Returns correct and wrong files: [`GOOD`], the demo's, and those in `docs/INIT.md` and in the
/// explanations of all codes.
pub fn corpus() -> Vec<String> {
    let texts = Code::ALL.iter().map(|code| code.explanation());
    let examples = texts
        .chain([include_str!("../../../docs/INIT.md")])
        .flat_map(blocks);
    let files = examples
        .filter(|block| block.language.starts_with("yaml"))
        .map(|block| block.text);
    let whole = [GOOD, include_str!("../../../init.yaml")].map(str::to_owned);
    whole.into_iter().chain(files).collect()
}
