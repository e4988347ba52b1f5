//! The built program starts, and says what it takes.

use std::process::Command;

#[test]
fn says_what_it_takes() {
    let ran = Command::new(env!("CARGO_BIN_EXE_strongroom-coordinator"))
        .arg("--help")
        .output()
        .expect("it starts");
    assert!(ran.status.success());
    let help = String::from_utf8(ran.stdout).expect("help is text");
    assert!(help.contains("--ready-file"), "{help}");
}
