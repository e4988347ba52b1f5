//! What reaches the program, and where it lies.

use std::collections::BTreeMap;

use strongroom_workload::{Argv, Measured};
use tonic::Status;

use crate::coordinator::Script;
use crate::fixture::{Fixture, end, eventually, measured, text};

const CANARY: &str = "canary-of-a-secret";

fn with_file(fixture: &Fixture, name: &str) {
    let path = format!("{}/{name}", fixture.draft.provision_dir);
    fixture
        .coordinator
        .change(|script| drop(script.files.insert(path, CANARY.into())));
}

#[tokio::test]
async fn files_lie_in_memory_for_their_owner_only_and_the_host_sees_none() {
    let script = "set -e; cat $P/keys/abc; stat -c ' %a' $P/keys/abc; stat -f -c %T $P/keys/abc; \
                  ls $P/identity; cat /proc/self/environ /proc/self/cmdline > $P/seen; grep -qv canary $P/seen; \
                  echo $STRONGROOM_PROVISION_FILE $STRONGROOM_PRIVATE_KEY_FILE; grep -c BEGIN $STRONGROOM_PRIVATE_KEY_FILE";
    let fixture = Fixture::shell(script, Script::default()).await;
    with_file(&fixture, "keys/abc");
    with_file(&fixture, "provision.json");
    let directory = fixture.draft.provision_dir.clone();
    let ended = fixture.run().await;
    ended.expect(0, "started");
    let expected = format!(
        "{CANARY} 600\ntmpfs\nchain.pem\ncoordinator_root.pem\nkey.pem\nmarble_root.pem\n\
         {directory}/provision.json {directory}/identity/key.pem\n1\n"
    );
    assert_eq!(ended.out, expected);
    assert!(!ended.log.contains(CANARY), "{}", ended.log);
    let left = std::fs::read_dir(directory).map_or(0, |entries| {
        entries
            .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()))
            .count()
    });
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_changed_program_does_not_run_once_it_is_measured() {
    let refusals = vec![Status::failed_precondition("secret_unset: key"); 3];
    let mut fixture = Fixture::shell(
        "echo genuine",
        Script {
            refusals,
            ..Script::default()
        },
    )
    .await;
    let child = fixture.start();
    let coordinator = fixture.coordinator.clone();
    eventually("the launcher waits", || coordinator.activations() > 0).await;
    std::fs::remove_file(fixture.path("program")).expect("remove");
    std::fs::copy("/bin/false", fixture.path("program")).expect("copy");
    let ended = end(child).await;
    ended.expect(0, "started");
    assert_eq!(ended.out, "genuine\n");
}

#[tokio::test]
async fn the_environment_is_what_the_description_lists() {
    let mut fixture = Fixture::shell(
        "env | grep -v ^PWD= | cut -d= -f1 | grep '^[A-Z_][A-Z_]*$' | sort",
        Script::default(),
    )
    .await;
    fixture.draft.coordinator_may_set_environment =
        ["TOKEN", "STRONGROOM_PROVISION_FILE"].map(str::to_owned).to_vec();
    for (name, value) in [
        ("GREETING", "hello"),
        ("UNLISTED", "x"),
        ("LD_AUDIT", ""),
        ("GLIBC_TUNABLES", ""),
    ] {
        fixture.env(name, value);
    }
    let environment: BTreeMap<_, _> = [
        "TOKEN",
        "OTHER",
        "LD_PRELOAD",
        "STRONGROOM_PRIVATE_KEY_FILE",
        "STRONGROOM_PROVISION_FILE",
        "GREETING",
    ]
    .map(|name| (name.to_owned(), b"sent".to_vec()))
    .into();
    fixture
        .coordinator
        .change(|script| script.environment = environment);
    let ended = fixture.run().await;
    ended.expect(0, "variables are left out");
    let names: Vec<_> = ended
        .out
        .lines()
        .filter(|name| !matches!(*name, "_" | "SHLVL" | "OLDPWD"))
        .collect();
    assert_eq!(
        names,
        [
            "GREETING",
            "MARBLE_PREDEFINED_COORDINATOR_ROOT_CA",
            "MARBLE_PREDEFINED_MARBLE_CERTIFICATE_CHAIN",
            "MARBLE_PREDEFINED_ROOT_CA",
            "PATH",
            "STRONGROOM_PRIVATE_KEY_FILE",
            "TOKEN",
        ]
    );
    for dropped in ["OTHER", "LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES"] {
        assert!(ended.log.contains(dropped), "{dropped} in {}", ended.log);
    }
}

#[tokio::test]
async fn arguments_are_the_descriptions_unless_it_leaves_them_to_the_coordinator() {
    let argv = || vec!["sent".to_owned(), "-c".to_owned(), "echo sent".to_owned()];
    let fixture = Fixture::shell(
        "echo fixed",
        Script {
            argv: argv(),
            ..Script::default()
        },
    )
    .await;
    assert_eq!(fixture.run().await.out, "fixed\n");
    let mut fixture = Fixture::shell(
        "",
        Script {
            argv: argv(),
            ..Script::default()
        },
    )
    .await;
    fixture.draft.argv = Argv::Coordinator;
    assert_eq!(fixture.run().await.out, "sent\n");
    let mut fixture = Fixture::shell("", Script::default()).await;
    fixture.draft.argv = Argv::Coordinator;
    fixture.run().await.expect(105, "launcher.no_argv");
}

#[tokio::test]
async fn a_file_that_is_not_allowed_is_refused() {
    for (path, code) in [
        ("/etc/strongroom-test", "launcher.file_not_allowed"),
        ("relative", "launcher.file_path"),
        ("$P/../escape", "launcher.file_path"),
        ("$P/identity/key.pem", "launcher.file_reserved"),
        ("$P", "launcher.file_not_allowed"),
    ] {
        let fixture = Fixture::shell("exit 7", Script::default()).await;
        let path = path.replace("$P", &fixture.draft.provision_dir);
        fixture
            .coordinator
            .change(|script| drop(script.files.insert(path, CANARY.into())));
        fixture.run().await.expect(105, code);
    }
}

#[tokio::test]
async fn transparent_tls_is_refused() {
    let environment = BTreeMap::from([("MARBLE_TTLS_CONFIG".to_owned(), b"{}".to_vec())]);
    let script = Script {
        environment,
        ..Script::default()
    };
    Fixture::shell("exit 7", script)
        .await
        .run()
        .await
        .expect(105, "launcher.transparent_tls");
}

#[tokio::test]
async fn allowed_files_elsewhere_lie_in_memory_and_leave_their_neighbours_visible() {
    let mut fixture = Fixture::shell("", Script::default()).await;
    let (shared, new) = (fixture.path("shared"), fixture.path("new/below"));
    std::fs::create_dir(&shared).expect("folder");
    std::fs::write(shared.join("neighbour"), "neighbour ").expect("write");
    let script = format!(
        "cat {0}/neighbour {0}/sent {1}/sent",
        shared.display(),
        new.display()
    );
    fixture.draft.argv = Argv::Fixed(vec!["program".to_owned(), "-c".to_owned(), script]);
    fixture.draft.coordinator_may_set_files = vec![text(&shared.join("sent")), format!("{}/", new.display())];
    let files = [text(&shared.join("sent")), text(&new.join("sent"))]
        .map(|path| (path, CANARY.into()))
        .into();
    fixture.coordinator.change(|script| script.files = files);
    let child = fixture.start();
    let ended = end(child).await;
    ended.expect(0, "started");
    assert_eq!(ended.out, format!("neighbour {CANARY}{CANARY}"));
    for path in [shared.join("sent"), new.join("sent")] {
        assert!(
            !std::fs::read_to_string(&path)
                .unwrap_or_default()
                .contains(CANARY),
            "{}",
            path.display()
        );
    }
}

#[tokio::test]
#[ignore = "needs the right to mount, if only in a user namespace"]
async fn listed_files_are_held_as_they_were_measured() {
    let refusals = vec![Status::failed_precondition("secret_unset: key"); 3];
    let mut fixture = Fixture::shell(
        "",
        Script {
            refusals,
            ..Script::default()
        },
    )
    .await;
    let library = fixture.path("library");
    std::fs::write(&library, "genuine").expect("write");
    let script = format!("cat {}", library.display());
    fixture.draft.argv = Argv::Fixed(vec!["program".to_owned(), "-c".to_owned(), script]);
    fixture.draft.files = vec![measured(&library)];
    let child = fixture.start();
    let coordinator = fixture.coordinator.clone();
    eventually("the launcher waits", || coordinator.activations() > 0).await;
    std::fs::write(&library, "changed").expect("write");
    let ended = end(child).await;
    ended.expect(0, "started");
    assert_eq!(ended.out, "genuine");
}

#[tokio::test]
#[ignore = "needs the right to mount, if only in a user namespace"]
async fn a_listed_file_with_another_digest_is_refused() {
    let mut fixture = Fixture::shell("exit 7", Script::default()).await;
    let library = fixture.path("library");
    std::fs::write(&library, "changed").expect("write");
    fixture.draft.files = vec![Measured::new(
        text(&library),
        strongroom_crypto::digest::sha256(b"genuine"),
    )];
    fixture.run().await.expect(101, "workload.file_digest");
}
