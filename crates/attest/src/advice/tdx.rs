//! On the checks of TDX alone.

use super::{Advice, Table};

pub(super) const ADVICE: Table = &[
    (
        "td_attributes.profiling",
        Advice::new(
            "the TD was started so that the host may count what it does: that tells it what the TD computes",
            "the TD attributes that the host's configuration sets",
            "start it without the profiling bits",
        )
        .never("do not hand a secret to it meanwhile"),
    ),
    (
        "td_attributes.sept_ve_disable",
        Advice::new(
            "SEPT_VE_DISABLE is clear: the host can raise exceptions inside the TD by taking its pages away, at any \
             instruction. Old Azure hosts and some QEMU versions start TDs so; on newer TDX modules a Linux guest may have \
             switched it off itself, which the quote does not show",
            "how the TD is started (QEMU: `sept-ve-disable=on`), and the version of the guest's kernel and the TDX module",
            "start it with the bit set; where the host cannot, and the guest is known to switch it off, name an exception \
             with owner, reason and end",
        )
        .never("do not except it for a guest whose kernel you do not know"),
    ),
    (
        "td_attributes.migratable",
        Advice::new(
            "the TD can be moved to another machine by a migration TD that nobody looked at",
            "whether the host offers live migration for this kind of TD",
            "start it without MIGRATABLE, or have the migration TD among `service_tds` and an exception for this check",
        ),
    ),
    (
        "td_attributes.servtd_ext",
        Advice::new(
            "service TDs can be bound to the TD after it started, and MRSERVICETD does not show them",
            "which host software starts the TD, and why it asks for this",
            "start it without SERVTD_EXT",
        ),
    ),
    (
        "td_attributes.reserved",
        Advice::new(
            "the TD has attributes that this program does not know: a newer TDX module, or damage",
            "the bits in the report's line, against Intel's specification of the TDX module",
            "use a newer release of this program, or start the TD without them",
        ),
    ),
    (
        "td_attributes.icssd",
        Advice::new(
            "noticing single steps by counting instructions is on where the policy wants it off, or the other way round",
            "the TD attributes that the host's configuration sets",
            "change them there, or the demand in the policy's `td_attributes`",
        ),
    ),
    (
        "td_attributes.lass",
        Advice::new(
            "linear address space separation is not as the policy asks",
            "the TD attributes that the host's configuration sets",
            "change them there, or the demand in the policy's `td_attributes`",
        ),
    ),
    (
        "td_attributes.pks",
        Advice::new(
            "protection keys for supervisor pages are not as the policy asks",
            "the TD attributes that the host's configuration sets",
            "change them there, or the demand in the policy's `td_attributes`",
        ),
    ),
    (
        "td_attributes.kl",
        Advice::new(
            "Key Locker is not as the policy asks",
            "the TD attributes that the host's configuration sets",
            "change them there, or the demand in the policy's `td_attributes`",
        ),
    ),
    (
        "td_attributes.tpa",
        Advice::new(
            "the TD does provision devices of TDX Connect, or does not, unlike the policy asks",
            "the TD attributes that the host's configuration sets",
            "change them there, or the demand in the policy's `td_attributes`",
        ),
    ),
    (
        "td_attributes.perfmon",
        Advice::new(
            "performance counters are not as the policy asks",
            "the TD attributes that the host's configuration sets",
            "change them there, or the demand in the policy's `td_attributes`",
        ),
    ),
    (
        "service_td",
        Advice::new(
            "a service TD is bound to this TD (MRSERVICETD is not zero): usually a migration TD of the cloud, which can move \
             it or read its metadata",
            "whose it is: the cloud should publish its measurement; some, such as Alibaba, bind one to every TD",
            "list its measurement under `service_tds` if you trust that program as much as your own, or have the TD started \
             without it",
        )
        .never("do not list a value only because quotes show it: that TD belongs to what you trust from then on"),
    ),
    (
        "seam.signer",
        Advice::new(
            "the TDX module is not signed by Intel: nothing keeps the host out",
            "what loads the module on that machine",
            "install Intel's module; until then treat the machine as hostile",
        ),
    ),
    (
        "seam.attributes",
        Advice::new(
            "the TDX module has attributes that production modules lack: a debug or pre-production module",
            "the module's version on that machine (`dmesg | grep -i tdx`)",
            "install the production module",
        ),
    ),
    (
        "xfam",
        Advice::new(
            "the TD may use other processor features than the policy lists",
            "the processor model and the host's CPU settings for the TD",
            "start it with the features that the policy lists, or list the new value",
        ),
    ),
    (
        "mrseam",
        Advice::new(
            "the TDX module is another version than the policy lists: usually the host was updated",
            "whether the new version is one that Intel published",
            "list the new measurement beside the old one, and drop the old one when the fleet is through",
        ),
    ),
    (
        "mrconfigid",
        Advice::new(
            "the TD was started with another configuration: by convention this is the digest of its initdata",
            "the digest of the configuration that was meant",
            "start it with the right one, or list the new digest once you have read it",
        ),
    ),
    (
        "mrowner",
        Advice::new(
            "the TD was started for another owner than the policy lists",
            "what the host's configuration sets as owner",
            "start it with the right owner, or list the new one",
        ),
    ),
    (
        "mrownerconfig",
        Advice::new(
            "the TD was started with another configuration of its owner than the policy lists",
            "what the host's configuration sets",
            "start it with the right one, or list the new one",
        ),
    ),
    (
        "rtmr0",
        Advice::new(
            "the TD's firmware was set up otherwise: another firmware configuration, Secure Boot, ACPI tables, amount of \
             memory or number of processors",
            "what differs in the event log against that of a TD that passed",
            "start it as before; for values that change with each machine, ask for events of the log instead of this register",
        ),
    ),
    (
        "rtmr1",
        Advice::new(
            "the TD booted another boot loader or kernel",
            "whether the image was updated",
            "boot the right image, or list the new value once you know what it is the value of",
        ),
    ),
    (
        "rtmr2",
        Advice::new(
            "the TD booted with another command line or initial ramdisk",
            "the kernel's command line in the event log, and whether the image was updated",
            "boot the right image, or list the new value once you know what it is the value of",
        ),
    ),
    (
        "rtmr3",
        Advice::new(
            "something else was measured while the TD ran: another program, another workload, or something beside them",
            "our own events in the log: which program and which workload they name",
            "start the right workload; where workloads change, list `programs` and `workloads` instead of this register",
        ),
    ),
    (
        "program",
        Advice::new(
            "another program runs in front of the workload than the policy lists",
            "which build of the launcher or coordinator was deployed",
            "deploy the right one, or list the new digest of whoever builds it",
        )
        .never("do not copy the digest found into the policy without knowing what it is the digest of"),
    ),
];
