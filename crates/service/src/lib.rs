//! What every long-running program needs: listeners, TLS reload, telemetry, health, drain.
