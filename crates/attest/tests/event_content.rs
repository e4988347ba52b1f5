//! What events say, and when their digests cover it. Each kind is given as it is measured, then with its text changed
//! and the digest kept: nothing of the changed text is believed.

use strongroom_attest::event_log::content::Reading;
use strongroom_attest::event_log::{Algorithm, Content, EventLog, EventType, LogWriter};

fn content(event_type: EventType, measured: &[u8], data: &[u8]) -> Content {
    let bytes = LogWriter::new(&[Algorithm::Sha256])
        .expect("an algorithm")
        .event_measuring(8, event_type, measured, data)
        .finish();
    let log = EventLog::parse(&bytes).expect("a log");
    Content::of(&log.events()[0], Algorithm::Sha256)
}

/// The event reads as `shown`, exactly; with any one byte of its measured part changed it is opaque.
fn exact(event_type: EventType, measured: &[u8], data: &[u8], shown: &str) {
    let found = content(event_type, measured, data);
    assert_eq!(
        (found.reading, found.to_string().as_str()),
        (Reading::Exact, shown)
    );
    let start = data.windows(measured.len()).position(|window| window == measured);
    let range = start.map_or(0..data.len(), |start| start..start + measured.len());
    for at in range.filter(|at| data[*at] != 0) {
        let mut changed = data.to_vec();
        changed[at] ^= 0x80;
        let found = content(event_type, measured, &changed);
        assert_eq!(found.reading, Reading::Opaque, "{shown} with byte {at} changed");
        assert!(!found.trusted() && !found.digest_matches_event());
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn variable(name: &str, value: &[u8]) -> Vec<u8> {
    let owner = hex::decode("61dfe48bca93d211aa0d00e098032b8c").expect("digits");
    let lengths = [name.encode_utf16().count() as u64, value.len() as u64];
    let lengths: Vec<u8> = lengths.into_iter().flat_map(u64::to_le_bytes).collect();
    [owner, lengths, wide(name), value.to_vec()].concat()
}

fn tagged(tag: u32, content: &[u8]) -> Vec<u8> {
    [&tag.to_le_bytes(), &(content.len() as u32).to_le_bytes(), content].concat()
}

#[test]
fn strings_of_grub_are_what_stands_behind_the_prefix() {
    let line = "/vmlinuz root=/dev/vda1 ro";
    for (prefix, label) in [
        ("kernel_cmdline: ", "kernel_cmdline"),
        ("grub_kernel_cmdline ", "kernel_cmdline"),
        ("grub_cmd: ", "grub_cmd"),
        ("grub_cmd ", "grub_cmd"),
        ("module_cmdline: ", "module_cmdline"),
    ] {
        let shown = format!("{label} '{line}'");
        exact(
            EventType::IPL,
            line.as_bytes(),
            format!("{prefix}{line}\0").as_bytes(),
            &shown,
        );
        exact(
            EventType::IPL,
            line.as_bytes(),
            format!("{prefix}{line}").as_bytes(),
            &shown,
        );
        let with_nul = format!("{line}\0");
        exact(
            EventType::IPL,
            with_nul.as_bytes(),
            format!("{prefix}{line}\0x").as_bytes(),
            &shown,
        );
    }
    let file = content(EventType::IPL, b"the kernel", b"/vmlinuz\0");
    assert_eq!((file.reading, file.text.as_str()), (Reading::Opaque, "/vmlinuz"));
}

#[test]
fn scripts_keep_their_lines_and_show_none() {
    let script = "menuentry 'Debian' {\n\tlinux /vmlinuz\n}";
    let found = content(
        EventType::IPL,
        script.as_bytes(),
        format!("grub_cmd: {script}\0").as_bytes(),
    );
    assert_eq!((found.trusted(), found.text.as_str()), (true, script));
    assert_eq!(
        found.to_string(),
        r"grub_cmd 'menuentry 'Debian' {\n\tlinux /vmlinuz\n}'"
    );
    let escape = content(EventType::IPL, b"a\x1b[2Jb", b"grub_cmd: a\x1b[2Jb\0");
    assert_eq!(
        escape.reading,
        Reading::Summary,
        "control characters make no text"
    );
}

#[test]
fn strings_and_section_names_of_systemd_stub_are_wide() {
    let line = [wide("root=/dev/vda2 quiet"), vec![0, 0]].concat();
    exact(EventType::IPL, &line, &line, "'root=/dev/vda2 quiet'");
    exact(
        EventType::IPL,
        &line,
        &line[..line.len() - 1],
        "'root=/dev/vda2 quiet'",
    );
    let name = [wide(".linux"), vec![0, 0]].concat();
    exact(EventType::IPL, b".linux\0", &name, "section '.linux'");
    let section = content(EventType::IPL, b"MZ the kernel", &name);
    assert_eq!(
        (section.reading, section.text.as_str()),
        (Reading::Opaque, ".linux")
    );
}

#[test]
fn separators_are_known_by_their_digest() {
    for (measured, data, text) in [
        ([0; 4], &[0; 4][..], "00000000"),
        ([0xff; 4], &[0xff; 4], "ffffffff"),
        ([0; 4], b"changed", "00000000"),
        ([1, 0, 0, 0], b"no memory", "error"),
    ] {
        let found = content(EventType::SEPARATOR, &measured, data);
        assert_eq!((found.trusted(), found.text.as_str()), (true, text));
    }
    assert_eq!(
        content(EventType::SEPARATOR, b"other", &[0; 4]).reading,
        Reading::Opaque
    );
}

#[test]
fn variables_are_measured_whole_or_by_value() {
    let secure_boot = variable("SecureBoot", &[1]);
    let shown = "'SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c = 01'";
    for whole in [
        EventType::EFI_VARIABLE_DRIVER_CONFIG,
        EventType::EFI_VARIABLE_AUTHORITY,
        EventType::EFI_VARIABLE_BOOT2,
        EventType::EFI_VARIABLE_BOOT,
    ] {
        exact(whole, &secure_boot, &secure_boot, shown);
    }
    let sbat = variable("SbatLevel", b"sbat,1\n");
    let shown = r#"'SbatLevel-8be4df61-93ca-11d2-aa0d-00e098032b8c = "sbat,1\n"'"#;
    exact(EventType::EFI_VARIABLE_AUTHORITY, &sbat, &sbat, shown);

    let order = variable("BootOrder", &[1, 0, 2, 0]);
    exact(
        EventType::EFI_VARIABLE_BOOT,
        &[1, 0, 2, 0],
        &order,
        "BootOrder '01000200'",
    );
    let option = [
        &[1, 0, 0, 0, 4, 0],
        &wide("Linux")[..],
        &[0, 0],
        &[0x7f, 0xff, 4, 0],
    ]
    .concat();
    let shown = format!("Boot0001 (Linux) '{}'", hex::encode(&option));
    exact(
        EventType::EFI_VARIABLE_BOOT,
        &option,
        &variable("Boot0001", &option),
        &shown,
    );

    // By value alone is not enough for the others: their name would be anybody's.
    let by_value = content(EventType::EFI_VARIABLE_DRIVER_CONFIG, &[1], &secure_boot);
    assert_eq!(by_value.reading, Reading::Opaque);
    let cut = content(EventType::EFI_VARIABLE_DRIVER_CONFIG, b"x", &secure_boot[..20]);
    assert_eq!(cut.reading, Reading::Opaque);
    let longer = content(
        EventType::EFI_VARIABLE_BOOT,
        &[1, 0, 2, 0],
        &[&order[..], b"more"].concat(),
    );
    assert_eq!(longer.reading, Reading::Opaque);
}

#[test]
fn actions_versions_and_whatever_was_measured_as_logged_are_text() {
    for event_type in [
        EventType::EFI_ACTION,
        EventType::ACTION,
        EventType::S_CRTM_VERSION,
        EventType::POST_CODE,
        EventType(0x4000_0000),
    ] {
        exact(event_type, b"ACPI DATA", b"ACPI DATA", "'ACPI DATA'");
    }
    let version = wide("1.0");
    exact(EventType::S_CRTM_VERSION, &version, &version, "'1.0'");
    let binary = content(EventType::S_CRTM_VERSION, &[0xfe; 16], &[0xfe; 16]);
    assert_eq!(binary.reading, Reading::Summary);
    let code = content(EventType::POST_CODE, b"the code", b"ACPI DATA");
    assert_eq!((code.reading, code.text.as_str()), (Reading::Opaque, "ACPI DATA"));
}

#[test]
fn tags_are_labels_and_their_content_is_measured() {
    exact(
        EventType::EVENT_TAG,
        b"loader.conf",
        &tagged(7, b"loader.conf"),
        "tag 0x00000007 'loader.conf'",
    );
    let whole = tagged(0x4141_454c, b"coco.com operation content");
    exact(
        EventType::EVENT_TAG,
        &whole,
        &whole,
        "tag 0x4141454c 'coco.com operation content'",
    );
    let options = content(
        EventType::EVENT_TAG,
        b"root=",
        &tagged(0x8f3b_22ed, b"LOADED_IMAGE::LoadOptions\0"),
    );
    assert_eq!(options.reading, Reading::Opaque);
    assert_eq!(options.to_string(), "tag 0x8f3b22ed 'LOADED_IMAGE::LoadOptions'");
}

#[test]
fn td_shim_names_what_it_measures() {
    let info = |text: &[u8]| {
        let length = (text.len() as u32).to_le_bytes();
        [b"td_payload_info\0", &length[..], text].concat()
    };
    let line = b"root=/dev/vda1 console=hvc0\0\0\0\0";
    let shown = "td_payload_info 'root=/dev/vda1 console=hvc0'";
    exact(EventType::PLATFORM_CONFIG_FLAGS, line, &info(line), shown);
    let hidden = b"quiet\0init=/bin/sh\0";
    let found = content(EventType::PLATFORM_CONFIG_FLAGS, hidden, &info(hidden));
    assert_eq!(found.reading, Reading::Summary, "a NUL within makes no text");
}

#[test]
fn runtime_events_of_dstack_hash_their_type_too() {
    let data = b"app-id:1234";
    let measured = [&0x0800_0001_u32.to_le_bytes()[..], b":", data].concat();
    exact(EventType::DSTACK_RUNTIME, &measured, data, "'app-id:1234'");
}

#[test]
fn images_and_blobs_are_opaque_with_what_the_log_says_of_them() {
    let name = [wide("\\EFI\\shim.efi"), vec![0, 0]].concat();
    let node = [
        &[4, 4],
        &(4 + name.len() as u16).to_le_bytes()[..],
        &name,
        &[0x7f, 0xff, 4, 0],
    ]
    .concat();
    let image = [vec![0; 24], (node.len() as u64).to_le_bytes().to_vec(), node].concat();
    let found = content(EventType::EFI_BOOT_SERVICES_APPLICATION, b"MZ", &image);
    assert_eq!(
        (found.reading, found.text.as_str()),
        (Reading::Opaque, "\\EFI\\shim.efi")
    );
    let endless = [vec![0; 24], 4_u64.to_le_bytes().to_vec(), vec![4, 4, 0, 0]].concat();
    let found = content(EventType::EFI_BOOT_SERVICES_APPLICATION, b"MZ", &endless);
    assert_eq!(found.reading, Reading::Opaque);

    let blob = [&[4], &b"Fv()"[..], &[0; 16]].concat();
    let found = content(EventType::EFI_PLATFORM_FIRMWARE_BLOB2, b"firmware", &blob);
    assert_eq!((found.reading, found.text.as_str()), (Reading::Opaque, "Fv()"));
    let blob = [0x1000_u64.to_le_bytes(), 0x20_u64.to_le_bytes()].concat();
    let found = content(EventType::EFI_PLATFORM_FIRMWARE_BLOB, b"firmware", &blob);
    assert_eq!(found.text, "32 bytes at 0x1000");

    let mut table = vec![0; 92];
    table.extend(1_u64.to_le_bytes());
    let found = content(EventType::EFI_GPT_EVENT, &table, &table);
    let disk = "disk 00000000-0000-0000-0000-000000000000, 1 partitions";
    assert_eq!((found.reading, found.text.as_str()), (Reading::Summary, disk));
}
