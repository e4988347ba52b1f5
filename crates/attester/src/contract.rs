//! What every attester must do, whatever its platform: each platform's tests call [`check`] with an attester of theirs.

use strongroom_attest::Binding;

use crate::attester::{Attester, CounterName, SealPolicy, Workload};
use crate::error::AttesterError;

/// Runs the contract. `workload` is one that the platform takes.
///
/// # Errors
/// What the attester answers where it must answer.
///
/// # Panics
/// Where the attester breaks the contract.
pub async fn check(attester: &dyn Attester, workload: Workload<'_>) -> Result<(), AttesterError> {
    carries_the_report_data_it_was_asked_for(attester, workload).await?;
    seals_to_the_same_key_each_time(attester).await?;
    counts_upwards_and_keeps_counters_apart(attester).await
}

async fn carries_the_report_data_it_was_asked_for(
    attester: &dyn Attester,
    workload: Workload<'_>,
) -> Result<(), AttesterError> {
    for (chosen, workload) in [(b"one", None), (b"two", Some(workload))] {
        let report_data = Binding::User(chosen.to_vec()).report_data();
        let evidence = attester.evidence(&report_data, workload).await?;
        assert_eq!(
            evidence.platform(),
            attester.platform(),
            "evidence names its platform"
        );
        assert_eq!(
            evidence.report_data(),
            &report_data,
            "evidence carries the report data asked for"
        );
    }
    Ok(())
}

async fn seals_to_the_same_key_each_time(attester: &dyn Attester) -> Result<(), AttesterError> {
    let first = attester.seal_key(SealPolicy::Measurement).await?;
    let second = attester.seal_key(SealPolicy::Measurement).await?;
    assert!(first == second, "the same program gets the same sealing key");
    assert!(first.expose() != &[0; 32], "a sealing key is no constant");
    Ok(())
}

async fn counts_upwards_and_keeps_counters_apart(attester: &dyn Attester) -> Result<(), AttesterError> {
    let name = |name: &str| name.parse::<CounterName>().expect("a counter's name");
    let (steps, other) = (name("contract-steps"), name("contract-other"));
    let (before, untouched) = (
        attester.counter_read(&steps).await?,
        attester.counter_read(&other).await?,
    );
    assert_eq!(
        attester.counter_advance(&steps).await?,
        before + 1,
        "a step is one"
    );
    assert_eq!(
        attester.counter_advance(&steps).await?,
        before + 2,
        "a second step is one more"
    );
    assert_eq!(
        attester.counter_read(&steps).await?,
        before + 2,
        "reading does not step"
    );
    assert_eq!(
        attester.counter_read(&other).await?,
        untouched,
        "counters of other names stand still"
    );
    Ok(())
}
