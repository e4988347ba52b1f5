//! The policy language from outside: what is accepted, and what one change to a good manifest does.

mod accept;
mod access;
mod advice;
mod authorize;
mod fixture;
mod fuzz;
mod marblerun_rules;
mod names;
mod platform;
mod refuse;
mod render;
mod upload;
