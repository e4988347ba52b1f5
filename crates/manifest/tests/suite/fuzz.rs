//! Some thousand seeded mutations of good input through the fuzz entry points.

use strongroom_manifest::fuzz;

use crate::fixture::good;

/// Xorshift: the same mutations on every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at + 1),
                2 => {
                    let end = (at + 1 + self.below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => {
                    let token = TOKENS[self.below(TOKENS.len())];
                    bytes.splice(at..at, token.bytes());
                }
            }
        }
    }
}

const TOKENS: &[&str] = &[
    "null",
    "{}",
    "[]",
    "\"\"",
    "-1",
    "1e99",
    "{{",
    "}}",
    "{{-",
    "-}}",
    "/*",
    "*/",
    "|",
    "(",
    ")",
    "\\u0000",
    "if ",
    "else",
    "end",
    "index .Secrets \"x\"",
    ".Secrets.shared",
    "\"",
    "`",
    "$",
    "\\",
    "\u{e9}",
];

#[test]
fn mutated_manifests_are_accepted_or_refused_and_nothing_else() {
    let seed = serde_json::to_vec(&good()).expect("JSON can be written");
    let mut random = Seeded(0x5eed);
    fuzz::parse(&seed);
    for _ in 0..3000 {
        let mut bytes = seed.clone();
        random.mutate(&mut bytes);
        fuzz::parse(&bytes);
    }
}

#[test]
fn mutated_templates_are_accepted_or_refused_and_nothing_else() {
    let seed = b"a {{- /* c */ -}} {{ if and .Secrets.a (not .Secrets.b.Cert) }}{{ (index .Secrets \"c-d\").Private | pem }}\
        {{ else if or false 1 `x` }}{{ hex .MarbleRun.MarbleCert }}{{ else }}{{ \"lit\\n\" }}{{ end -}} b";
    let mut random = Seeded(0x7e3d);
    fuzz::template(seed);
    for _ in 0..20_000 {
        let mut bytes = seed.to_vec();
        random.mutate(&mut bytes);
        fuzz::template(&bytes);
    }
}
