//! The files from which the mutations start.

use super::markdown::blocks;
use rpc_schema::Code;

/// A correct file that uses every feature of the format.
pub const GOOD: &str = r#"# a network
version: 1
x-limits: &limits { memory: 512MiB, env: [TZ] }
network:
  servers:
    server1: { ip: 127.0.0.1, port: 7101 }
    server2: { ip: "::1", port: 7102 }
  clients:
    - { name: client1, ip: 127.0.0.1 }
    - name: client2
      ip: 127.0.0.2
  deployers: [ops]
types:
  Level: [low, high]
  Tally: { candidate: str, votes: int, at: "Optional[Level]" }
  Poll: { doc: a poll, fields: { tallies: "List[Tally]" } }
services:
  svc1:
    provider: server1
    tenants: [client1, client2]
    modules: [services/svc1/words.py]
    allow: *limits
    concurrency: 4
    rpcs:
      - name: rpc1
        doc: |
          joins a number and "words" — é😀
        arguments: { a: int, b: "List[str]" }
        returns: [Poll, 'Dict[str, Optional[Tally]]']
        deadline: 5s
      - { name: add, arguments: [int, int], returns: int, path: services/svc1/add_int.py }
      - { name: add, arguments: [float, float], returns: float, idempotent: true }
      - { name: fast, native: true }
  svc2:
    provider: server2
"#;

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
