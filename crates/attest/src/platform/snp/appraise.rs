//! Step 9 for SEV-SNP: is the machine set up, patched, and one of those that are wanted?

use std::fmt::Display;

use strongroom_crypto::time::UnixTime;

use super::bits::{self, GuestPolicyBit};
use super::facts::Facts;
use super::policy::{Policy, VMPL_MAX};
use super::step;
use super::tcb::Tcb;
use super::vek::SigningKey;
use crate::reference::any_of;
use crate::report::Report;
use crate::step::Step;

impl Facts {
    /// Holds the facts against a policy.
    pub(crate) fn appraise(&self, policy: &Policy, now: UnixTime, report: &mut Report) {
        self.check_configuration(policy, report);
        self.check_hardware(policy, report);
        self.check_tcb(policy, report);
        self.check_image(policy, report);
        self.check_list_age(policy, now, report);
    }

    fn check_configuration(&self, policy: &Policy, report: &mut Report) {
        let level = self.vmpl <= VMPL_MAX && policy.vmpl.contains(&self.vmpl);
        report.check(
            step::VMPL,
            level,
            format!("VMPL {}", any_of(&policy.vmpl)),
            format!("VMPL {}", self.vmpl),
        );
        let migrates = GuestPolicyBit::MigrateMa.is_set(self.guest_policy);
        report.check(
            step::MIGRATION,
            !migrates,
            "no migration agent allowed",
            if migrates { "one allowed" } else { "none allowed" },
        );
        report.check(
            step::MASKED,
            !self.mask_chip_key,
            "MASK_CHIP_KEY clear",
            if self.mask_chip_key { "set" } else { "clear" },
        );
        let flags = self.unknown_key_flags;
        report.check(
            step::KEY_FLAGS,
            flags == 0 || !policy.refuse_unknown_bits,
            "bits 5 to 31 clear",
            match flags {
                0 => "no unknown bit".to_owned(),
                flags => format!("unknown bits {flags:#x}"),
            },
        );
        let asked = policy.asked_of_guest_policy().of_guest_policy(self.guest_policy);
        check_bits(
            report,
            step::GUEST_POLICY,
            &asked,
            bits::describe_guest_policy(self.guest_policy),
        );
        let asked = policy
            .asked_of_platform_info()
            .of_platform_info(self.platform_info);
        check_bits(
            report,
            step::PLATFORM_INFO,
            &asked,
            bits::describe_platform_info(self.platform_info),
        );
    }

    fn check_hardware(&self, policy: &Policy, report: &mut Report) {
        let name = self
            .generation
            .map_or("an unknown generation", |generation| generation.name());
        let denied = &policy.denied_generations;
        let accepted = self
            .generation
            .is_some_and(|generation| !denied.contains(&generation));
        if denied.is_empty() {
            report.skip(
                step::ACCEPTED_GENERATION,
                format!("none is refused; it is {name}"),
            );
        } else {
            let expected = format!("not {}", any_of(denied));
            report.check(step::ACCEPTED_GENERATION, accepted, expected, name);
        }
        one_of(
            report,
            step::ACCEPTED_KEY,
            &policy.signing_keys,
            self.signing_key.as_ref(),
        );
        let loaded = self.signing_key == Some(SigningKey::Vlek);
        // Of two lists, each holds for its own kind of key; of one, it holds for both.
        let (chips, providers) = (&policy.chip_ids, &policy.csp_ids);
        if loaded && !chips.is_empty() && !providers.is_empty() {
            report.skip(step::CHIP_ID, "a VLEK signed: the list of providers holds");
        } else {
            let chips: Vec<_> = chips.iter().map(|chip| chip.0).collect();
            one_of(report, step::CHIP_ID, &chips, (!loaded).then_some(&self.chip_id));
        }
        if !loaded && !chips.is_empty() && !providers.is_empty() {
            report.skip(step::CSP_ID, "a VCEK signed: the list of chips holds");
        } else {
            one_of(
                report,
                step::CSP_ID,
                providers,
                self.csp_id.as_ref().filter(|_| loaded),
            );
        }
    }

    fn check_tcb(&self, policy: &Policy, report: &mut Report) {
        let committed = self.committed_firmware;
        match policy.firmware_min {
            None => report.skip(
                step::FIRMWARE,
                format!("no least version; committed is {committed}"),
            ),
            Some(least) => report.check(
                step::FIRMWARE,
                committed >= least,
                format!("at least {least} committed"),
                format!("{committed} committed"),
            ),
        }
        self.check_provisional(policy, report);
        self.check_tcb_minimum(step::REPORTED, &self.reported_tcb, policy, report);
        self.check_tcb_minimum(step::COMMITTED, &self.committed_tcb, policy, report);
        self.check_tcb_minimum(step::LAUNCH, &self.launch_tcb, policy, report);
        self.check_mitigations(policy, report);
    }

    fn check_provisional(&self, policy: &Policy, report: &mut Report) {
        let provisional =
            self.current_firmware != self.committed_firmware || self.current_tcb != self.committed_tcb;
        let found = if provisional {
            format!(
                "provisional: {} ({}), committed {} ({})",
                self.current_tcb, self.current_firmware, self.committed_tcb, self.committed_firmware
            )
        } else {
            format!("committed: {} ({})", self.current_tcb, self.current_firmware)
        };
        let holds = !(provisional && policy.refuse_provisional_firmware);
        report.check(step::PROVISIONAL, holds, "committed firmware", found);
    }

    fn check_tcb_minimum(&self, step: Step, found: &Tcb, policy: &Policy, report: &mut Report) {
        if policy.tcb_min.is_empty() {
            report.skip(step, format!("no least version; it is {found}"));
            return;
        }
        let least = self
            .generation
            .and_then(|generation| policy.tcb_min.get(&generation));
        match least {
            None => {
                let listed: Vec<_> = policy.tcb_min.keys().collect();
                report.fail(
                    step,
                    format!("a version of {}", any_of(&listed)),
                    found.to_string(),
                );
            }
            Some(least) => {
                let least = least.beside(found);
                report.check(
                    step,
                    !found.is_below(&least),
                    format!("at least {least}"),
                    found.to_string(),
                );
            }
        }
    }

    fn check_mitigations(&self, policy: &Policy, report: &mut Report) {
        let required = policy.required_mitigations;
        let found = match (self.launch_mitigations, self.current_mitigations) {
            (Some(launch), Some(current)) => format!("{launch:#x} at launch, {current:#x} now"),
            _ => format!("none stated in a report of version {}", self.report_version),
        };
        if required == 0 {
            report.skip(step::MITIGATIONS, format!("none required; {found}"));
            return;
        }
        let has_all = |vector: Option<u64>| vector.is_some_and(|vector| vector & required == required);
        report.check(
            step::MITIGATIONS,
            has_all(self.launch_mitigations) && has_all(self.current_mitigations),
            format!("all of {required:#x} at launch and now"),
            found,
        );
    }

    fn check_image(&self, policy: &Policy, report: &mut Report) {
        one_of(report, step::HOST_DATA, &policy.host_data, Some(&self.host_data));
        one_of(report, step::FAMILY_ID, &policy.family_ids, Some(&self.family_id));
        one_of(report, step::IMAGE_ID, &policy.image_ids, Some(&self.image_id));
        match policy.guest_svn_min {
            None => report.skip(
                step::GUEST_SVN,
                format!("no reference value; it is {}", self.guest_svn),
            ),
            Some(least) => report.check(
                step::GUEST_SVN,
                self.guest_svn >= least,
                format!("at least {least}"),
                self.guest_svn.to_string(),
            ),
        }
        one_of(
            report,
            step::ID_KEY,
            &policy.id_key_digests,
            Some(&self.id_key_digest),
        );
        one_of(
            report,
            step::AUTHOR_KEY,
            &policy.author_key_digests,
            self.author_key_digest.as_ref(),
        );
        one_of(report, step::REPORT_ID, &policy.report_ids, Some(&self.report_id));
    }

    fn check_list_age(&self, policy: &Policy, now: UnixTime, report: &mut Report) {
        match (policy.crl_age_days_max, self.crl_this_update) {
            (None, Some(made)) => report.skip(step::LIST_AGE, format!("no greatest age; it is of {made}")),
            (None, None) => report.skip(step::LIST_AGE, "no revocation list is given"),
            (Some(days), None) => report.fail(
                step::LIST_AGE,
                format!("a revocation list at most {days} days old"),
                "the verifier has none of its own",
            ),
            (Some(days), Some(made)) => report.check(
                step::LIST_AGE,
                now <= made.plus(u64::from(days) * DAY_SECONDS),
                format!("at most {days} days old at {now}"),
                format!("of {made}"),
            ),
        }
    }
}

fn check_bits(report: &mut Report, step: Step, problems: &[String], found: String) {
    report.check(step, problems.is_empty(), problems.join(", "), found);
}

fn one_of<T: PartialEq + Display>(report: &mut Report, step: Step, expected: &[T], found: Option<&T>) {
    let shown = found.map_or_else(|| "none".to_owned(), ToString::to_string);
    if expected.is_empty() {
        report.skip(step, format!("no reference value; it is {shown}"));
        return;
    }
    let holds = found.is_some_and(|found| expected.contains(found));
    report.check(step, holds, any_of(expected), shown);
}

const DAY_SECONDS: u64 = 24 * 60 * 60;
