//! Workload runtime, first process of a marble: verify, activate, provision, exec, renew.
