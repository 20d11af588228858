//! Manifests that the project ships are ones that Kubernetes takes: the examples, and what the chart
//! renders.

mod chart;
mod examples;
mod strict;
