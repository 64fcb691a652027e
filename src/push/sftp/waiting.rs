//! Waiting for a server, and no longer than makes sense once the user wants to stop: as long as the server says something,
//! so that what is on its way is finished and booked. Whoever waits for one that is silent gets an error, and what it was doing is
//! left as it is: a push may end anywhere.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

use super::super::target::{Result, Retry, TargetError};
use crate::report::error::{Error, Kind};

/// A server that says nothing for so long is not waited for any more.
const SILENCE: Duration = Duration::from_millis(1500);
/// Nor is one that has more to say for so long after the user wanted to stop. A batch gives its commands 10 seconds.
const LIMIT: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often a server was heard: a number that grows. Cheap to share.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<AtomicU64>);

impl Heard {
    /// The server has said something.
    pub fn again(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Who waits.
pub struct Waiting<'a> {
    stop: &'a AtomicBool,
    /// Since when the user wants to stop, once that was seen.
    stopping_since: OnceLock<Instant>,
    /// Is told when the server says something.
    pub heard: Heard,
}

impl<'a> Waiting<'a> {
    /// Waits until `stop` is set, and a little longer.
    pub fn new(stop: &'a AtomicBool) -> Waiting<'a> {
        Waiting { stop, stopping_since: OnceLock::new(), heard: Heard::default() }
    }

    /// Waits for what is done on the server.
    ///
    /// # Errors
    /// Those of the work, or that the user wants to stop and the server does not get to an end.
    pub fn until_done<T>(&self, runtime: &Runtime, work: impl Future<Output = Result<T>>) -> Result<T> {
        runtime.block_on(async {
            tokio::select! {
                biased;
                done = work => done,
                () = self.patience_ends() => {
                    let what = "stopped without waiting for the server any longer; what was sent stays sent";
                    let error = Error::new(Kind::Interrupted, what).hint("run the same command again");
                    Err(TargetError { retry: Retry::EndRun, error })
                }
            }
        })
    }

    async fn patience_ends(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            sleep(LOOK_EVERY).await;
        }
        let stopping_since = *self.stopping_since.get_or_init(Instant::now);
        let (mut heard, mut silent_since) = (self.heard.0.load(Ordering::Relaxed), Instant::now());
        while silent_since.elapsed() < SILENCE && stopping_since.elapsed() < LIMIT {
            sleep(LOOK_EVERY).await;
            let now = self.heard.0.load(Ordering::Relaxed);
            if now != heard {
                (heard, silent_since) = (now, Instant::now());
            }
        }
    }
}
