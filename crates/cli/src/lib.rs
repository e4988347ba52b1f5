//! The command line: arguments, client, text.
