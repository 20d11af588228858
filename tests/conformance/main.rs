//! What an AMQP 0-9-1 client may expect, as rules that a real broker process is held to.
//!
//! Each test has a broker of its own. Set `WARREN_CONFORMANCE_URI` to hold another broker to the
//! same rules: run against RabbitMQ (`scripts/rabbitmq`), they prove that the tests are right.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test says what failed")]

mod access;
mod acknowledging;
mod arguments;
mod bad_input;
mod clients;
mod confirming;
mod consuming;
mod dedup;
mod delayed;
mod durability;
mod exchanges;
mod features;
mod forms;
mod handshake;
mod hostile;
mod lifetimes;
mod limits;
mod managing;
mod ordering;
mod overdue;
mod overflowing;
mod policies;
mod queues;
mod refusals;
mod rig;
mod routing;
mod rpc;
mod rules;
mod steady;
mod tls;
mod transactions;
mod watching;
