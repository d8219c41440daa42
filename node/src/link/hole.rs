//! Congestion control with a hole for pings.
//!
//! quinn-proto asks `in_flight + 1200 < window` before every packet, even a 60-byte ping. After loss the window is
//! two packets, and a lossy or dead link then holds back its own pings: under 40 % loss 44 % of them. So the hole is
//! opened for the one packet that carries a ping, and the window has a floor.

use crate::limits::WINDOW_FLOOR;
use quinn_proto::{
    Connection, RttEstimator,
    congestion::{Controller, ControllerFactory, Cubic, CubicConfig},
};
use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// Makes the controllers.
#[derive(Debug, Default)]
pub(super) struct WithHole(Arc<CubicConfig>);

impl ControllerFactory for WithHole {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let inner = Box::new(Cubic::new(self.0.clone(), now, current_mtu));
        Box::new(Holed { inner, hole: Hole::default() })
    }
}

/// Opens and shuts the hole of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Hole(Arc<AtomicBool>);

impl Hole {
    /// The hole in `connection`'s controller.
    pub(super) fn of(connection: &Connection) -> Option<Self> {
        let controller = connection.congestion_state().clone_box().into_any();
        Some(controller.downcast::<Holed>().ok()?.hole)
    }

    /// Runs `send` with the hole open.
    pub(super) fn open<R>(&self, send: impl FnOnce() -> R) -> R {
        self.0.store(true, Ordering::Relaxed);
        let result = send();
        self.0.store(false, Ordering::Relaxed);
        result
    }
}

struct Holed {
    inner: Box<dyn Controller>,
    hole: Hole,
}

impl Controller for Holed {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest_acked: Option<u64>) {
        self.inner.on_end_acks(now, in_flight, app_limited, largest_acked);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost_bytes: u64) {
        self.inner.on_congestion_event(now, sent, persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        if self.hole.0.load(Ordering::Relaxed) {
            return u64::MAX;
        }
        self.inner.window().max(WINDOW_FLOOR)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { inner: self.inner.clone_box(), hole: self.hole.clone() })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
