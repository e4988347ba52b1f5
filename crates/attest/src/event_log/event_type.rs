//! Types of events by their numbers and names (TCG PC Client Platform Firmware Profile 1.06 §10.4.1).

use std::fmt;

/// What the log says an event is. No digest covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(pub u32);

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $value:literal => $text:literal;)*) => {
        impl EventType {
            $($(#[$doc])* pub const $name: Self = Self($value);)*
        }

        const NAMES: &[(EventType, &str)] = &[$((EventType::$name, $text),)*];
    };
}

event_types! {
    /// A certificate, reserved.
    PREBOOT_CERT = 0x0 => "EV_PREBOOT_CERT";
    /// Firmware code; its data is a name.
    POST_CODE = 0x1 => "EV_POST_CODE";
    /// Extends nothing: information for who reads the log.
    NO_ACTION = 0x3 => "EV_NO_ACTION";
    /// The line between the firmware and what it starts, or the note that measuring failed.
    SEPARATOR = 0x4 => "EV_SEPARATOR";
    /// Something done, as a string.
    ACTION = 0x5 => "EV_ACTION";
    /// A tagged event of an operating system or a boot loader.
    EVENT_TAG = 0x6 => "EV_EVENT_TAG";
    /// The first code of the firmware.
    S_CRTM_CONTENTS = 0x7 => "EV_S_CRTM_CONTENTS";
    /// Version of the first code of the firmware.
    S_CRTM_VERSION = 0x8 => "EV_S_CRTM_VERSION";
    /// Microcode of the processor.
    CPU_MICROCODE = 0x9 => "EV_CPU_MICROCODE";
    /// Configuration of the platform.
    PLATFORM_CONFIG_FLAGS = 0xa => "EV_PLATFORM_CONFIG_FLAGS";
    /// Devices of the platform.
    TABLE_OF_DEVICES = 0xb => "EV_TABLE_OF_DEVICES";
    /// A digest without more.
    COMPACT_HASH = 0xc => "EV_COMPACT_HASH";
    /// What boot loaders measure: strings and files of GRUB, sections of systemd-stub, lists of shim.
    IPL = 0xd => "EV_IPL";
    /// Partition of a boot loader.
    IPL_PARTITION_DATA = 0xe => "EV_IPL_PARTITION_DATA";
    /// Code of a device with its own processor.
    NONHOST_CODE = 0xf => "EV_NONHOST_CODE";
    /// Configuration of a device with its own processor.
    NONHOST_CONFIG = 0x10 => "EV_NONHOST_CONFIG";
    /// Information about a device with its own processor.
    NONHOST_INFO = 0x11 => "EV_NONHOST_INFO";
    /// The firmware does not record attempts to boot.
    OMIT_BOOT_DEVICE_EVENTS = 0x12 => "EV_OMIT_BOOT_DEVICE_EVENTS";
    /// Firmware code, named by address or by file.
    POST_CODE2 = 0x13 => "EV_POST_CODE2";
    /// An event of dstack's runtime: no type of the TCG.
    DSTACK_RUNTIME = 0x0800_0001 => "DSTACK_RUNTIME_EVENT";
    /// A dynamic launch on Google's machines: no type of the TCG.
    GOOGLE_DRTM = 0x1000_0000 => "GOOGLE_DRTM_EVENT";
    /// A variable that configures drivers, of Secure Boot above all.
    EFI_VARIABLE_DRIVER_CONFIG = 0x8000_0001 => "EV_EFI_VARIABLE_DRIVER_CONFIG";
    /// A variable of the boot manager; the digest is of its value alone.
    EFI_VARIABLE_BOOT = 0x8000_0002 => "EV_EFI_VARIABLE_BOOT";
    /// A program that the firmware or a boot loader starts.
    EFI_BOOT_SERVICES_APPLICATION = 0x8000_0003 => "EV_EFI_BOOT_SERVICES_APPLICATION";
    /// A driver for boot time.
    EFI_BOOT_SERVICES_DRIVER = 0x8000_0004 => "EV_EFI_BOOT_SERVICES_DRIVER";
    /// A driver that stays.
    EFI_RUNTIME_SERVICES_DRIVER = 0x8000_0005 => "EV_EFI_RUNTIME_SERVICES_DRIVER";
    /// The partition table of the boot disk.
    EFI_GPT_EVENT = 0x8000_0006 => "EV_EFI_GPT_EVENT";
    /// Something that the firmware did, as a string.
    EFI_ACTION = 0x8000_0007 => "EV_EFI_ACTION";
    /// Firmware, by address.
    EFI_PLATFORM_FIRMWARE_BLOB = 0x8000_0008 => "EV_EFI_PLATFORM_FIRMWARE_BLOB";
    /// Tables that the firmware hands on.
    EFI_HANDOFF_TABLES = 0x8000_0009 => "EV_EFI_HANDOFF_TABLES";
    /// Firmware, by description and address.
    EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000_000a => "EV_EFI_PLATFORM_FIRMWARE_BLOB2";
    /// Tables that the firmware hands on, with a description.
    EFI_HANDOFF_TABLES2 = 0x8000_000b => "EV_EFI_HANDOFF_TABLES2";
    /// A variable of the boot manager; the digest is of name and value.
    EFI_VARIABLE_BOOT2 = 0x8000_000c => "EV_EFI_VARIABLE_BOOT2";
    /// The partition table of the boot disk, without what changes from disk to disk.
    EFI_GPT_EVENT2 = 0x8000_000d => "EV_EFI_GPT_EVENT2";
    /// What was measured before the firmware's first code.
    EFI_HCRTM_EVENT = 0x8000_0010 => "EV_EFI_HCRTM_EVENT";
    /// The entry of a Secure Boot list by which an image was let through.
    EFI_VARIABLE_AUTHORITY = 0x8000_00e0 => "EV_EFI_VARIABLE_AUTHORITY";
    /// Firmware of a device, by SPDM.
    EFI_SPDM_FIRMWARE_BLOB = 0x8000_00e1 => "EV_EFI_SPDM_FIRMWARE_BLOB";
    /// Configuration of a device, by SPDM.
    EFI_SPDM_FIRMWARE_CONFIG = 0x8000_00e2 => "EV_EFI_SPDM_FIRMWARE_CONFIG";
    /// Policy about devices.
    EFI_SPDM_DEVICE_POLICY = 0x8000_00e3 => "EV_EFI_SPDM_DEVICE_POLICY";
    /// The certificate by which a device was let through.
    EFI_SPDM_DEVICE_AUTHORITY = 0x8000_00e4 => "EV_EFI_SPDM_DEVICE_AUTHORITY";
}

impl EventType {
    /// Its name, if it is a known one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(event_type, _)| *event_type == self)
            .map(|(_, name)| *name)
    }

    /// The type of a name as [`fmt::Display`] writes it: a known one, or `0x` and eight digits.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        if let Some((event_type, _)) = NAMES.iter().find(|(_, known)| *known == name) {
            return Some(*event_type);
        }
        let digits = name
            .strip_prefix("0x")
            .filter(|digits| digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:08x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_type() {
        for (event_type, name) in NAMES {
            assert_eq!(EventType::of_name(name), Some(*event_type));
            assert_eq!(event_type.to_string(), *name);
        }
        let unknown = EventType(0x4000_0001);
        assert_eq!(unknown.to_string(), "0x40000001");
        assert_eq!(EventType::of_name("0x40000001"), Some(unknown));
        assert_eq!(EventType::of_name("EV_NOTHING"), None);
        assert_eq!(EventType::of_name("0x+0000001"), None);
    }
}
