//! The fuzz targets that read logs, driven by seeded mutations: the same on every machine.

mod mutate;

use mutate::mutate;
use strongroom_attest::event_log::runtime::{EVENT_TYPE, Measured, WORKLOAD_PCR, event_data};
use strongroom_attest::event_log::{Algorithm, EventType, LogWriter};
use strongroom_attest::fuzz;
use strongroom_crypto::digest::Digest32;

/// A log with an event of every kind that is read.
fn firmware_log(algorithms: &[Algorithm]) -> Vec<u8> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let variable = [
        &[7; 16],
        &[1, 0, 0, 0, 0, 0, 0, 0][..],
        &[1, 0, 0, 0, 0, 0, 0, 0],
        b"A\0",
        &[1],
    ]
    .concat();
    let image = [&[0; 24], &[6, 0, 0, 0, 0, 0, 0, 0][..], &[4, 4, 6, 0], &wide("f")].concat();
    let tagged = [&[1, 0, 0, 0, 4, 0, 0, 0][..], b"text"].concat();
    let shim = [b"td_payload_info\0".as_slice(), &[4, 0, 0, 0], b"ro\0\0"].concat();
    let mut table = vec![0; 92];
    table.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    let measured = Measured::Program(Digest32([1; 32]));
    LogWriter::new(algorithms)
        .expect("algorithms")
        .event(0, EventType::NO_ACTION, b"StartupLocality\0\x03")
        .event(1, EventType::EFI_VARIABLE_DRIVER_CONFIG, &variable)
        .event_measuring(1, EventType::EFI_VARIABLE_BOOT, &[1], &variable)
        .event(1, EventType::SEPARATOR, &[0; 4])
        .event_measuring(4, EventType::EFI_BOOT_SERVICES_APPLICATION, b"MZ", &image)
        .event(4, EventType::EFI_GPT_EVENT, &table)
        .event_measuring(3, EventType::IPL, b"ro", b"grub_cmd: ro\0")
        .event_measuring(3, EventType::IPL, b".cmdline\0", &wide(".cmdline"))
        .event_measuring(3, EventType::EVENT_TAG, b"text", &tagged)
        .event_measuring(2, EventType::PLATFORM_CONFIG_FLAGS, b"ro\0\0", &shim)
        .event_measuring(
            2,
            EventType::EFI_PLATFORM_FIRMWARE_BLOB2,
            b"fw",
            &[&[1], &b"F"[..], &[0; 16]].concat(),
        )
        .event(4, EventType::DSTACK_RUNTIME, b"name:payload")
        .event(WORKLOAD_PCR, EVENT_TYPE, &event_data(&measured))
        .finish()
}

#[test]
fn mutated_event_logs_do_not_panic() {
    mutate(&firmware_log(&[Algorithm::Sha256]), fuzz::parse_tcg_log);
    let both = firmware_log(&[Algorithm::Sha256, Algorithm::Sha384]);
    mutate(&[both, vec![0xff; 64]].concat(), fuzz::parse_tcg_log);
}

#[test]
fn mutated_lists_of_measured_files_do_not_panic() {
    let hash = "ab".repeat(20);
    let file = "cd".repeat(32);
    let text = format!(
        "10 {hash} ima-ng sha256:{file} boot_aggregate\n10 {hash} ima-sig sha256:{file} /a 03\n10 {hash} ima-sigv2 \
         verity:sha256:{file} /b \n"
    );
    mutate(text.as_bytes(), fuzz::parse_ima_log);
    let field = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat();
    let data = [field(&[b"sha256:\0", &[7; 32][..]].concat()), field(b"/a\0")].concat();
    let entry = [&[10, 0, 0, 0], &[1; 20][..], &field(b"ima-ng"), &field(&data)].concat();
    mutate(&entry.repeat(2), fuzz::parse_ima_log);
}
