//! The link to a target: opened, and opened again when it is cut.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::target::{FileTarget, Retry, TargetError};
use super::{Opening, TARGETS};
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};
use crate::report::kill_point::wait_ms;

/// So many tries in a row that bring nothing end the run. With [`wait_s`] that is about four minutes: a laptop that
/// wakes up finds its network in that time.
const MAX_TRIES: u32 = 9;

/// A target that is opened again when the link to it is cut.
pub struct Link<'a> {
    opening: &'a Opening<'a>,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
    target: Option<Box<dyn FileTarget + 'a>>,
    tries: u32,
    /// How often the link was cut.
    pub n_cuts: u64,
}

impl<'a> Link<'a> {
    /// Opens the target. Here the first failure counts: what is wrong from the beginning does not get better.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(
        opening: &'a Opening<'a>,
        observer: &'a dyn Observer,
        stop: &'a AtomicBool,
    ) -> Result<Link<'a>> {
        let target = open(opening).map_err(|err| err.error)?;
        let at = opening.place;
        observer.event(Event::Detail(format!("the target is open: {}://{}{}", at.scheme, at.host, at.path)));
        Ok(Link { opening, observer, stop, target: Some(target), tries: 0, n_cuts: 0 })
    }

    /// Does something on the target; again, on a new link, if the link is cut meanwhile. So `work` must be safe to
    /// do twice.
    ///
    /// # Errors
    /// Those of `work`, or that the link stays cut.
    pub fn with<T>(
        &mut self,
        work: impl FnMut(&mut dyn FileTarget) -> super::target::Result<T>,
    ) -> Result<T> {
        let done = self.ask(work)?;
        self.tries = 0;
        Ok(done)
    }

    /// Like [`Link::with`], for what brings the push no further: that it was done says nothing of the link.
    ///
    /// # Errors
    /// Those of `work`, or that the link stays cut.
    pub fn ask<T>(
        &mut self,
        mut work: impl FnMut(&mut dyn FileTarget) -> super::target::Result<T>,
    ) -> Result<T> {
        loop {
            let begin = Instant::now();
            let err = match self.once(&mut work) {
                Ok(done) => return Ok(done),
                Err(err) => err,
            };
            if begin.elapsed() > Duration::from_secs(60) {
                self.tries = 0;
            }
            self.after(err)?;
        }
    }

    /// Tells that the target has done something: the next cut is a new one.
    pub fn has_worked(&mut self) {
        self.tries = 0;
    }

    /// Does something on the target, opened again if it was cut before.
    ///
    /// # Errors
    /// Those of `work`, to be handed to [`Link::after`].
    pub fn once<T>(
        &mut self,
        work: impl FnOnce(&mut dyn FileTarget) -> super::target::Result<T>,
    ) -> super::target::Result<T> {
        let target = match &mut self.target {
            Some(target) => target,
            none => none.insert(open(self.opening)?),
        };
        work(target.as_mut())
    }

    /// Waits before the next try, or gives up.
    ///
    /// # Errors
    /// The error itself, when another try would not help or there were enough.
    pub fn after(&mut self, err: TargetError) -> Result<()> {
        self.target = None;
        if err.retry != Retry::Soon {
            return Err(err.error);
        }
        if self.stop.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        self.n_cuts += 1;
        self.tries += 1;
        if self.tries > MAX_TRIES {
            return Err(err
                .error
                .hint("what was sent stays sent: run the same command when the link is better"));
        }
        let wait_s = wait_s(self.tries);
        self.observer.event(Event::Warning(format!("{}; trying again in {wait_s} s", err.error.what)));
        let until = Instant::now() + Duration::from_millis(wait_ms(wait_s * 1000));
        while Instant::now() < until {
            if self.stop.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            std::thread::sleep(
                Duration::from_millis(100).min(until.saturating_duration_since(Instant::now())),
            );
        }
        Ok(())
    }
}

fn stopped() -> Error {
    Error::new(Kind::Interrupted, "stopped while the link was cut; what was sent stays sent")
        .hint("run the same command again")
}

/// How long to wait before a try, in seconds: 1, 2, 4 … 60.
fn wait_s(tries: u32) -> u64 {
    (1_u64 << (tries - 1).min(6)).min(60)
}

fn open<'a>(opening: &Opening<'a>) -> super::target::Result<Box<dyn FileTarget + 'a>> {
    let scheme = &opening.place.scheme;
    let Some(def) = TARGETS.iter().find(|def| def.scheme == scheme) else {
        let known: Vec<String> = TARGETS.iter().map(|def| format!("`{}://`", def.scheme)).collect();
        return Err(TargetError::login(format!("there is no kind of target `{scheme}://`"))
            .hint(format!("there are {}", known.join(" and "))));
    };
    (def.open)(opening)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_give_a_laptop_time_to_wake_up() {
        let waits: Vec<u64> = (1..=MAX_TRIES).map(wait_s).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(waits.iter().sum::<u64>() >= 240);
    }
}
