//! From manifests to messages: `warren-operator dev` as a person uses it, with the real kubectl and helm
//! and real AMQP clients.
//!
//! Every test has a control plane, a broker and a temporary folder of its own.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test says what failed")]

mod amqp;
mod applying;
mod chart;
mod crashing;
mod deleting;
mod dev;
mod kubectl;
mod looking;
mod messages;
mod owning;
mod securing;
mod stopping;
mod watching;
