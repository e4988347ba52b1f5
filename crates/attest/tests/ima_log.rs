//! Lists of measured files: both forms, replayed to PCR 10, and policies on them.

use strongroom_attest::event_log::Algorithm;
use strongroom_attest::event_log::ima::{
    BootAggregate, FileDigest, IMA_PCR, ImaError, ImaFile, ImaLog, ImaPolicy, MeasuredFiles, OtherFiles,
};
use strongroom_crypto::digest::sha256;

const PCR: &[u8] = b"\x0a\0\0\0";

/// Template data: each field with its length before it.
fn data(fields: &[&[u8]]) -> Vec<u8> {
    let with_length = |field: &&[u8]| [&(field.len() as u32).to_le_bytes()[..], field].concat();
    fields.iter().flat_map(with_length).collect()
}

fn ng(content: &[u8], path: &str) -> Vec<u8> {
    let hash = [b"sha256:\0", &sha256(content).0[..]].concat();
    data(&[&hash, format!("{path}\0").as_bytes()])
}

fn binary(hash: u8, template: &str, data: &[u8]) -> Vec<u8> {
    let length = |length: usize| (length as u32).to_le_bytes();
    [
        PCR,
        &[hash; 20],
        &length(template.len()),
        template.as_bytes(),
        &length(data.len()),
        data,
    ]
    .concat()
}

fn extend(value: [u8; 32], digest: [u8; 32]) -> [u8; 32] {
    sha256(&[value, digest].concat()).0
}

fn hex(content: &[u8]) -> String {
    sha256(content).to_string()
}

/// PCR 0 to 9, as the kernel read them when it started.
fn boot_pcrs() -> Vec<[u8; 32]> {
    (0..10).map(|pcr| [pcr; 32]).collect()
}

/// A list with the boot aggregate and two programs, as text, and where it leads after each entry.
fn good() -> (String, Vec<[u8; 32]>) {
    let aggregate = boot_pcrs().concat();
    let lines = [
        (aggregate.as_slice(), "boot_aggregate"),
        (b"init", "/usr/lib/systemd/systemd"),
        (b"launcher", "/usr/bin/strongroom-launcher"),
    ];
    let mut values = vec![[0; 32]];
    let mut text = String::new();
    for (content, path) in lines {
        let template = "ima-ng";
        let hash = "ab".repeat(20);
        text += &format!("10 {hash} {template} sha256:{} {path}\n", hex(content));
        values.push(extend(
            *values.last().expect("zero"),
            sha256(&ng(content, path)).0,
        ));
    }
    (text, values)
}

#[test]
fn both_forms_say_the_same_and_lead_to_the_same_value() {
    let (text, values) = good();
    let bytes: Vec<u8> = [
        (boot_pcrs().concat(), "boot_aggregate"),
        (b"init".to_vec(), "/usr/lib/systemd/systemd"),
        (b"launcher".to_vec(), "/usr/bin/strongroom-launcher"),
    ]
    .iter()
    .flat_map(|(content, path)| binary(0xab, "ima-ng", &ng(content, path)))
    .collect();
    for list in [text.as_bytes(), &bytes] {
        let log = ImaLog::parse(list).expect("a list");
        let [_, init, launcher] = log.entries() else {
            panic!("three entries");
        };
        assert_eq!((init.number(), init.register()), (2, IMA_PCR));
        assert_eq!(launcher.path(), b"/usr/bin/strongroom-launcher");
        assert_eq!(launcher.file_hash(), format!("sha256:{}", hex(b"launcher")));
        let measured = log
            .confirm(IMA_PCR, Algorithm::Sha256, &values[3])
            .expect("it leads there");
        assert_eq!((measured.entries().len(), measured.unvouched()), (3, 0));
    }
}

#[test]
fn entries_behind_the_quote_are_not_given_out() {
    let (text, values) = good();
    let log = ImaLog::parse(text.as_bytes()).expect("a list");
    for (vouched, value) in values.iter().enumerate() {
        let measured = log
            .confirm(IMA_PCR, Algorithm::Sha256, value)
            .expect("it leads there");
        assert_eq!(
            (measured.entries().len(), measured.unvouched()),
            (vouched, 3 - vouched)
        );
    }
}

#[test]
fn another_value_is_refused_with_where_the_list_leads() {
    let (text, values) = good();
    let log = ImaLog::parse(text.as_bytes()).expect("a list");
    let refused = log
        .confirm(IMA_PCR, Algorithm::Sha256, &[1; 32])
        .expect_err("elsewhere");
    let expected = format!(
        "the list of measured files has 3 entries for PCR 10; after all of them it stands at {}, the quote says {}, \
         and no beginning of the list leads there: something was extended that is not in the list, or the list was \
         changed",
        hex::encode(values[3]),
        "01".repeat(32)
    );
    assert_eq!(refused.to_string(), expected);
    let sha1 = log.confirm(IMA_PCR, Algorithm::Sha1, &[0; 20]);
    assert_eq!(sha1.err(), Some(ImaError::Algorithm(Algorithm::Sha1)));
    // Entries of other registers lead nowhere in this one.
    let other = ImaLog::parse(text.as_bytes()).expect("a list");
    assert!(other.confirm(11, Algorithm::Sha256, &values[3]).is_err());
}

#[test]
fn every_template_is_put_together_as_it_was_measured() {
    let file = sha256(b"file");
    let v1 = [b"sha256:\0", &file.0[..]].concat();
    let v2 = [b"verity:sha256:\0", &file.0[..]].concat();
    let path = b"/bin/a\0";
    let cases = [
        (
            format!("ima-ng sha256:{file} /bin/a"),
            data(&[&v1, path]),
            "ima-ng",
        ),
        (
            format!("ima-sig sha256:{file} /bin/a 0302"),
            data(&[&v1, path, &[3, 2]]),
            "ima-sig",
        ),
        (
            format!("ima-sig sha256:{file} /bin/a "),
            data(&[&v1, path, &[]]),
            "ima-sig",
        ),
        (
            format!("ima-buf sha256:{file} /bin/a 00ff"),
            data(&[&v1, path, &[0, 255]]),
            "ima-buf",
        ),
        (
            format!("ima-ngv2 verity:sha256:{file} /bin/a"),
            data(&[&v2, path]),
            "ima-ngv2",
        ),
        (
            format!("ima-sigv2 verity:sha256:{file} /bin/a 03"),
            data(&[&v2, path, &[3]]),
            "ima-sigv2",
        ),
    ];
    for (line, data, template) in cases {
        let value = extend([0; 32], sha256(&data).0);
        let text = format!("10 {} {line}\n", "ab".repeat(20));
        for list in [text.as_bytes(), &binary(0xab, template, &data)] {
            let log = ImaLog::parse(list).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(log.entries()[0].template().name(), template);
            assert_eq!(log.entries()[0].path(), b"/bin/a");
            assert!(log.confirm(IMA_PCR, Algorithm::Sha256, &value).is_ok(), "{line}");
        }
    }
}

#[test]
fn a_violation_extends_ones_and_is_always_refused() {
    let zeros = [b"sha256:\0", &[0; 32][..]].concat();
    let data = data(&[&zeros, b"/var/log/a\0"]);
    let list = binary(0, "ima-ng", &data);
    let log = ImaLog::parse(&list).expect("a list");
    assert!(log.entries()[0].is_violation());
    let value = extend([0; 32], [0xff; 32]);
    let measured = log
        .confirm(IMA_PCR, Algorithm::Sha256, &value)
        .expect("it leads there");
    let policy = ImaPolicy {
        files: Vec::new(),
        others: OtherFiles::Accept,
    };
    let refused = policy.check(&measured).expect_err("a violation").to_string();
    assert_eq!(
        refused,
        "entry 1 of the list of measured files, /var/log/a: it changed while it was measured"
    );
}

#[test]
fn refuses_what_is_no_list() {
    let hash = "ab".repeat(20);
    let file = hex(b"file");
    let malformed = |number| ImaError::Malformed { number };
    let good = format!("10 {hash} ima-ng sha256:{file} /a\n");
    for line in [
        "10",
        "10 zz ima-ng",
        &format!("1x {hash} ima-ng sha256:{file} /a"),
        &format!("10 {} ima-ng sha256:{file} /a", "ab".repeat(65)),
        &format!("10  ima-ng sha256:{file} /a"),
        &format!("10 {hash} ima-ng {file} /a"),
        &format!("10 {hash} ima-ng :{file} /a"),
        &format!("10 {hash} ima-ng sha256:{file}"),
        &format!("10 {hash} ima-ng sha256:{file} /a b"),
        &format!("10 {hash} ima-ng sha256:x{file} /a"),
        &format!("10 {hash} ima-ng verity:sha256:{file} /a"),
        &format!("10 {hash} ima-ngv2 sha256:{file} /a"),
        &format!("10 {hash} ima-sig sha256:{file} /a"),
        &format!("10 {hash} ima-ng sha256:{file} /a\0b"),
        "",
    ] {
        let list = format!("{good}{line}\n");
        assert_eq!(
            ImaLog::parse(list.as_bytes()).err(),
            Some(malformed(2)),
            "{line:?}"
        );
    }
    let template = |bytes: &[u8], number, name: &str| {
        let name = name.to_owned();
        assert_eq!(
            ImaLog::parse(bytes).err(),
            Some(ImaError::Template { number, name })
        );
    };
    template(format!("{good}10 {hash} ima ab /a\n").as_bytes(), 2, "ima");
    template(&binary(1, "evm-sig", b""), 1, "evm-sig");
    template(&binary(1, &"x".repeat(99), b""), 1, &"x".repeat(32));

    let entry = binary(1, "ima-ng", &ng(b"file", "/a"));
    for length in 1..entry.len() {
        assert_eq!(
            ImaLog::parse(&entry[..length]).err(),
            Some(malformed(1)),
            "{length}"
        );
    }
    let v1 = [b"sha256:\0", &[1; 32][..]].concat();
    for data in [
        data(&[&v1, b"/a"]),
        data(&[&v1, b"/a\0b\0"]),
        data(&[&v1, b"/a\0", b"more"]),
        data(&[b"sha256:", b"/a\0"]),
        data(&[b"sha256\0\x01", b"/a\0"]),
        [0xff; 8].to_vec(),
    ] {
        assert_eq!(
            ImaLog::parse(&binary(1, "ima-ng", &data)).err(),
            Some(malformed(1))
        );
    }
    let huge = vec![0; (16 << 20) + 1];
    let too_large = ImaError::TooLarge { length: huge.len() };
    assert_eq!(ImaLog::parse(&huge).err(), Some(too_large));
    let many = binary(1, "ima-ng", &data(&[b"a:\0", b"\0"])).repeat((1 << 17) + 1);
    assert_eq!(ImaLog::parse(&many).err(), Some(ImaError::TooManyEntries));
}

#[test]
fn the_boot_aggregate_ties_the_list_to_the_quoted_boot() {
    let (text, values) = good();
    let log = ImaLog::parse(text.as_bytes()).expect("a list");
    let measured = log
        .confirm(IMA_PCR, Algorithm::Sha256, &values[3])
        .expect("it leads there");
    let quoted = boot_pcrs();
    let of = |pcrs: &[[u8; 32]]| measured.boot_aggregate(|pcr| Some(pcrs.get(pcr as usize)?.as_slice()));
    assert_eq!(of(&quoted), BootAggregate::Matches);
    let mut other = quoted.clone();
    other[9] = [0; 32];
    assert_eq!(of(&other), BootAggregate::Differs);
    assert_eq!(of(&quoted[..9]), BootAggregate::NotQuoted);

    // A violation's hash says nothing, whatever it is.
    let list = binary(0, "ima-ng", &ng(&boot_pcrs().concat(), "boot_aggregate"));
    let violation = ImaLog::parse(&list).expect("a list");
    let ones = extend([0; 32], [0xff; 32]);
    let violation = violation
        .confirm(IMA_PCR, Algorithm::Sha256, &ones)
        .expect("it leads there");
    let found = violation.boot_aggregate(|pcr| Some(quoted.get(pcr as usize)?.as_slice()));
    assert_eq!(found, BootAggregate::Differs);

    let (_, rest) = text.split_once('\n').expect("lines");
    let log = ImaLog::parse(rest.as_bytes()).expect("a list");
    let value = extend([0; 32], sha256(&ng(b"init", "/usr/lib/systemd/systemd")).0);
    let measured = log
        .confirm(IMA_PCR, Algorithm::Sha256, &value)
        .expect("it leads there");
    assert_eq!(measured.boot_aggregate(|_| None), BootAggregate::Missing);
}

#[test]
fn a_policy_names_the_first_file_that_is_not_allowed() {
    let (text, values) = good();
    let log = ImaLog::parse(text.as_bytes()).expect("a list");
    let measured = log
        .confirm(IMA_PCR, Algorithm::Sha256, &values[3])
        .expect("it leads there");
    let digest = |content: &[u8]| {
        format!("sha256:{}", hex(content))
            .parse::<FileDigest>()
            .expect("a digest")
    };
    let file = |path: &str, content: &[u8]| ImaFile {
        path: path.to_owned(),
        digest: digest(content),
    };
    let init = file("/usr/lib/systemd/systemd", b"init");
    let launcher = file("/usr/bin/strongroom-launcher", b"launcher");
    let older = file("/usr/bin/strongroom-launcher", b"older launcher");
    let check = |files: &[&ImaFile], others, measured: &MeasuredFiles<'_>| {
        let files = files.iter().copied().cloned().collect();
        let policy = ImaPolicy { files, others };
        policy.check(measured).map_err(|failure| failure.to_string())
    };
    let place = "entry 3 of the list of measured files, /usr/bin/strongroom-launcher:";
    let (refuse, accept) = (OtherFiles::Refuse, OtherFiles::Accept);
    assert_eq!(check(&[&init, &launcher], refuse, &measured), Ok(()));
    assert_eq!(check(&[&init, &older, &launcher], refuse, &measured), Ok(()));
    assert_eq!(check(&[], accept, &measured), Ok(()));
    assert_eq!(
        check(&[&init], refuse, &measured),
        Err(format!("{place} the policy does not list it"))
    );
    let differs = format!("{place} expected {}, found {}", older.digest, launcher.digest);
    for others in [refuse, accept] {
        assert_eq!(check(&[&init, &older], others, &measured), Err(differs.clone()));
    }
    // What the quote does not cover is not judged.
    let early = log
        .confirm(IMA_PCR, Algorithm::Sha256, &values[2])
        .expect("it leads there");
    assert_eq!(check(&[&init], refuse, &early), Ok(()));
}

#[test]
fn only_the_first_entry_is_the_boot_aggregate() {
    let second = ng(b"a program", "boot_aggregate");
    let first = ng(b"init", "/init");
    let list = [binary(1, "ima-ng", &first), binary(1, "ima-ng", &second)].concat();
    let log = ImaLog::parse(&list).expect("a list");
    let value = extend(extend([0; 32], sha256(&first).0), sha256(&second).0);
    let measured = log
        .confirm(IMA_PCR, Algorithm::Sha256, &value)
        .expect("it leads there");
    let policy = ImaPolicy {
        files: vec![ImaFile {
            path: "/init".to_owned(),
            digest: format!("sha256:{}", hex(b"init")).parse().expect("a digest"),
        }],
        others: OtherFiles::Refuse,
    };
    assert_eq!(policy.check(&measured).expect_err("a program").number, 2);
}

#[test]
fn a_policy_is_read_strictly() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let good = format!(r#"{{"files":[{{"path":"/a","digest":"{digest}"}}],"others":"accept"}}"#);
    let policy: ImaPolicy = serde_json::from_str(&good).expect("a policy");
    assert_eq!(serde_json::to_string(&policy).expect("JSON"), good);
    let short: ImaPolicy = serde_json::from_str(r#"{"files":[]}"#).expect("a policy");
    assert_eq!(short.others, OtherFiles::Refuse);
    for bad in [
        good.replace("others", "other"),
        good.replace("path", "Path"),
        good.replace("accept", "ignore"),
        good.replace("sha256:0", "sha256:A"),
        good.replace("sha256:", "sha1:"),
        good.replace("sha256:0", "sha256:"),
        good.replace("sha256:", ""),
    ] {
        assert!(serde_json::from_str::<ImaPolicy>(&bad).is_err(), "{bad}");
    }
}
