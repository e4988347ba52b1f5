//! The software platform: a process that plays the hardware, for laptops and tests.
