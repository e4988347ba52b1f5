//! The program as a child: confinement, signals, reaping, renewal, and the end of either.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Child;

use crate::coordinator::{Renewals, Script};
use crate::fixture::{Fixture, end, eventually};

fn process(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id().expect("running")).expect("id")).expect("id")
}

#[tokio::test]
async fn the_program_has_no_new_privileges_no_core_dumps_and_an_empty_input() {
    let script = "grep -q 'NoNewPrivs:.1' /proc/self/status && test \"$(ulimit -Hc)\" = 0 && test -z \"$(cat)\" \
                  && test $(ls /proc/self/fd | wc -l) -le 4";
    // A handle that the host leaves open: it reaches the launcher, and not the program.
    let left_open = std::fs::File::open("/dev/null").expect("open");
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).expect("inheritable");
    Fixture::shell(script, Script::default())
        .await
        .run()
        .await
        .expect(0, "started");
}

#[tokio::test]
async fn signals_reach_the_program_and_its_end_is_passed_on() {
    for (signal, script, code) in [
        (Signal::TERM, "trap 'exit 9' TERM; while :; do sleep 0.1; done", 9),
        (Signal::USR1, "trap 'exit 8' USR1; while :; do sleep 0.1; done", 8),
        (Signal::HUP, "while :; do sleep 0.1; done", 128 + 1),
    ] {
        let mut fixture = Fixture::shell(script, Script::default()).await;
        let child = fixture.start();
        fixture.ready().await;
        // The trap is set a moment after the shell starts.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        kill_process(process(&child), signal).expect("signal");
        end(child).await.expect(code, "the program ended");
    }
}

#[tokio::test]
async fn orphans_are_reaped() {
    let script = "(sh -c 'exit 0' &) ; sleep 0.5; for status in /proc/[0-9]*/status; do \
                  grep -qs \"^PPid:.$PPID$\" $status && grep -qs '^State:.Z' $status && exit 3; done; exit 0";
    Fixture::shell(script, Script::default())
        .await
        .run()
        .await
        .expect(0, "the program ended");
}

#[tokio::test]
async fn the_program_ends_with_the_launcher() {
    let mut fixture = Fixture::shell("exec sleep 1000", Script::default()).await;
    let child = fixture.start();
    let program = Pid::from_raw(fixture.ready().await).expect("id");
    test_kill_process(program).expect("it runs");
    kill_process(process(&child), Signal::KILL).expect("signal");
    end(child).await;
    eventually("the program ends", || !is_running(program)).await;
}

fn is_running(process: Pid) -> bool {
    let status =
        std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

#[tokio::test]
async fn certificates_are_renewed_by_rename_with_a_new_key() {
    let script = "cp $P/identity/chain.pem $P/chain; cp $P/identity/key.pem $P/key; \
                  while cmp -s $P/identity/chain.pem $P/chain; do sleep 0.1; done; ! cmp -s $P/identity/key.pem $P/key";
    let fixture = Fixture::shell(
        script,
        Script {
            leaf_seconds: 4,
            ..Script::default()
        },
    )
    .await;
    fixture.run().await.expect(0, "certificate renewed");
}

#[tokio::test]
async fn a_refused_renewal_ends_the_program_and_takes_its_keys() {
    let script =
        "trap 'sleep 0.5; ls -A $P/identity $P/keys | grep -c pem; exit 0' TERM; while :; do sleep 0.1; done";
    let script_of = Script {
        leaf_seconds: 4,
        renewals: Renewals::Refused,
        ..Script::default()
    };
    let ended = Fixture::shell(script, script_of).await.run().await;
    ended.expect(107, "launcher.renewal_refused");
    assert_eq!(ended.out.trim(), "0");
}

#[tokio::test]
async fn an_impostor_at_renewal_is_no_refusal_but_the_certificate_ends() {
    let script = Script {
        leaf_seconds: 4,
        ..Script::default()
    };
    let mut fixture = Fixture::shell("while :; do sleep 0.1; done", script).await;
    let child = fixture.start();
    fixture.ready().await;
    fixture.coordinator.change(|script| script.relayed = true);
    let ended = end(child).await;
    ended.expect(107, "launcher.certificate_expired");
    assert!(ended.log.contains("evidence.binding"), "{}", ended.log);
}

/// The same program in another deployment gives good evidence; what it answers is still none of this one's.
#[tokio::test]
async fn another_deployments_refusal_is_none() {
    let script = Script {
        leaf_seconds: 4,
        ..Script::default()
    };
    let mut fixture = Fixture::shell("while :; do sleep 0.1; done", script).await;
    let child = fixture.start();
    fixture.ready().await;
    fixture.coordinator.change(|script| {
        script.other_root = true;
        script.renewals = Renewals::Refused;
    });
    let ended = end(child).await;
    ended.expect(107, "launcher.certificate_expired");
    assert!(ended.log.contains("another deployment"), "{}", ended.log);
}

#[tokio::test]
async fn the_stage_is_nothing_to_start() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_strongroom-launcher"))
        .args(["@strongroom-stage", "1", "name"])
        .output()
        .await
        .expect("run");
    assert_eq!(output.status.code(), Some(106));
}
