//! What differs between the drivers, seen from a test.

use futures_util::{FutureExt, pin_mut, select_biased};
use ifrit_node::drive::{Builder, Runtime};
use std::{future::Future, time::Duration};

/// Far beyond what anything here takes, even on a machine that does other things.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) trait Driver: Sized {
    type Runtime: Runtime;
    const RUNTIME: Self::Runtime;

    /// Runs a test on it.
    fn run<T>(test: impl Future<Output = T>) -> T;

    fn builder() -> Builder<Self::Runtime> {
        Builder::new(Self::RUNTIME)
    }

    /// What `future` gives, or a panic that says what took too long.
    async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
        let runtime = Self::RUNTIME;
        let limit = runtime.sleep_until(runtime.now() + LIMIT).fuse();
        let future = future.fuse();
        pin_mut!(limit, future);
        select_biased! {
            result = future => result,
            () = limit => panic!("{what}: not within {LIMIT:?}"),
        }
    }
}

pub(crate) struct OnTokio;

impl Driver for OnTokio {
    type Runtime = ifrit_tokio::Tokio;
    const RUNTIME: Self::Runtime = ifrit_tokio::Tokio;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test)
    }
}

pub(crate) struct OnSmol;

impl Driver for OnSmol {
    type Runtime = ifrit_smol::Smol;
    const RUNTIME: Self::Runtime = ifrit_smol::Smol;

    fn run<T>(test: impl Future<Output = T>) -> T {
        smol::block_on(test)
    }
}
