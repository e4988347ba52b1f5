//! What runs: a workload description, its check and its digest (the measurement). Executes nothing.
