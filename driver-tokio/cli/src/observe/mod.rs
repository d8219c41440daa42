//! What an agent shows of itself: figures for Prometheus, whether it is alive, whether it is ready.
//!
//! ```text
//!   Prometheus, Kubernetes        ifrit metrics, ifrit top, ifrit debug bundle
//!        │ HTTP: serve                 │ control socket
//!  ┌─────▼─────────────────────────────▼─────┐
//!  │ list     every metric: name, unit, help │  the one list: METRICS.md and the tests come from it
//!  │ sample   one look at the running node   │  O(members) per look, nothing between looks
//!  │ encode   OpenMetrics text               │
//!  └─────────────────────────────────────────┘
//! ```

pub(crate) mod encode;
pub(crate) mod http;
pub(crate) mod list;
pub(crate) mod sample;
pub(crate) mod serve;
