//! The program as a user meets it: processes, files, exit codes.
#![expect(clippy::unwrap_used, reason = "a test that can't set up its world should fail")]

mod accounting;
mod backfill;
mod changes;
mod classes;
mod commands;
mod compare;
mod corpus;
mod credit;
mod determinism;
mod house;
mod index;
mod kill;
mod lifetime;
mod nights;
mod odd_files;
mod program;
mod reruns;
mod reuse;
mod shapes;
mod signals;
mod sources;
mod strategies;
mod tables;
mod what_if;
