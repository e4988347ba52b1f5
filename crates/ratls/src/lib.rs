//! Evidence inside and beside TLS: resolvers, verifiers, exporter binding, one-connection channels.
