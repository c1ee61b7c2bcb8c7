//! Good files with bytes cut, flipped, doubled and moved: whatever comes out is accepted or refused, never a panic, and
//! what is accepted is YAML for `serde_yaml` as well.

use std::path::Path;

const GOOD: &str = r#"# a network
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
        returns: [str, 'Dict[str, Optional[int]]']
        deadline: 5s
      - { name: add, arguments: [int, int], returns: int, path: services/svc1/add_int.py }
      - { name: add, arguments: [float, float], returns: float, idempotent: true }
      - { name: fast, native: true }
  svc2:
    provider: server2
"#;

/// Marsaglia's xorshift: the same mutations on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        start..start + self.below((length - start).min(40))
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const INTERESTING: &[u8] = b"[]{}:,-?&*!|>'\"%@#\\ \n\t\r\0~<0";
    let length = bytes.len();
    match random.below(6) {
        0 => bytes.truncate(random.below(length)),
        1 => drop(bytes.drain(random.range(length))),
        2 => bytes.extend_from_within(random.range(length)),
        3 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(7),
        4 => bytes.insert(random.below(length + 1), INTERESTING[random.below(INTERESTING.len())]),
        _ => {
            let part = bytes[random.range(length)].to_vec();
            let at = random.below(length + 1);
            bytes.splice(at..at, part);
        }
    }
}

#[test]
fn a_mutated_file_is_accepted_by_both_parsers_or_refused() {
    let path = Path::new("init.yaml");
    let good = rpc_schema::parse(path, GOOD);
    assert!(good.is_ok(), "{}", good.err().map(|report| report.to_string()).unwrap_or_default());
    let mut random = Random(0x5eed_1234_5678_9abc);
    let mut accepted = 0;
    for _ in 0..5_000 {
        let mut bytes = GOOD.as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random);
        }
        let text = String::from_utf8_lossy(&bytes);
        match rpc_schema::parse(path, &text) {
            Ok(document) => {
                accepted += 1;
                assert!(serde_yaml::from_str::<serde_yaml::Value>(document.text()).is_ok(), "{text}");
            }
            Err(report) => assert!(report.render(false).contains("error[E"), "{text}"),
        }
    }
    assert!((100..4_900).contains(&accepted), "{accepted} of 5000 were accepted");
}
