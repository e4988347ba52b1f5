//! What real systems produced, read back by the formats.
