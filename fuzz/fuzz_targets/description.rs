#![no_main]
//! A workload description.

use strongroom_workload::Description;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(description) = Description::parse(bytes) {
        let again = Description::parse(bytes).expect("it was read before");
        assert_eq!(description.digest(), again.digest(), "a description has one digest");
    }
});
