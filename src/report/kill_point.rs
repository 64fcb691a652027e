//! Kill points: places where the crash tests end the process as `kill -9` would. Debug builds only.
//!
//! `EXODUS_KILL_AT=n` ends the process at the n-th point it passes; `EXODUS_KILL_AT=0` only counts, and [`passed`]
//! tells how many there were. `EXODUS_BATCH_RECORDS=n` makes batches small, so that a small export has many;
//! `EXODUS_WAIT_MS=n` makes every wait for a cut link short, so that a test can cut it often.

#[cfg(debug_assertions)]
mod counter {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    pub(super) static PASSED: AtomicU64 = AtomicU64::new(0);
    pub(super) static KILL_AT: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("EXODUS_KILL_AT").ok()?.parse().ok());

    pub(super) fn pass() {
        if let Some(kill_at) = *KILL_AT
            && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == kill_at
        {
            let me = rustix::process::getpid();
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}

/// A place where the crash tests may end the process.
#[inline]
pub fn kill_point() {
    #[cfg(debug_assertions)]
    counter::pass();
}

/// How many kill points this process has passed, if it was asked to count.
pub fn passed() -> Option<u64> {
    #[cfg(debug_assertions)]
    {
        (*counter::KILL_AT).map(|_| counter::PASSED.load(std::sync::atomic::Ordering::SeqCst))
    }
    #[cfg(not(debug_assertions))]
    None
}

/// After how many records a batch is full: `usual`, unless the crash tests say otherwise.
pub fn batch_records(usual: u64) -> u64 {
    if !cfg!(debug_assertions) {
        return usual;
    }
    std::env::var("EXODUS_BATCH_RECORDS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// How long to wait for a link that was cut, in milliseconds: `usual`, unless the tests say otherwise.
pub fn wait_ms(usual: u64) -> u64 {
    if !cfg!(debug_assertions) {
        return usual;
    }
    std::env::var("EXODUS_WAIT_MS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}
