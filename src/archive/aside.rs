//! Work done aside: on a thread of its own, in order, while its owner goes on.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::report::error::{Error, Kind, Result};

type Task = Box<dyn FnOnce() -> Result<()> + Send>;

/// A thread that does one task after the other. When a task has failed it does no other, and nothing succeeds any more.
pub struct Aside {
    tasks: Option<SyncSender<Task>>,
    done: Receiver<Result<()>>,
    n_waiting: usize,
    thread: Option<JoinHandle<()>>,
}

impl Aside {
    /// A thread for which at most `room` tasks wait; who brings more waits himself.
    pub fn new(room: usize) -> Aside {
        let (tasks, todo) = sync_channel::<Task>(room);
        let (tell, done) = std::sync::mpsc::channel();
        let work = move || {
            let mut has_failed = false;
            for task in todo {
                let result = if has_failed { Err(undone()) } else { task() };
                has_failed |= result.is_err();
                // Who is not there any more does not want to know.
                let _ = tell.send(result);
            }
        };
        Aside { tasks: Some(tasks), done, n_waiting: 0, thread: Some(std::thread::spawn(work)) }
    }

    /// Has something done.
    ///
    /// # Errors
    /// When something before it has failed.
    pub fn run(&mut self, task: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.is_idle()?;
        let sent = self.tasks.as_ref().is_some_and(|tasks| tasks.send(Box::new(task)).is_ok());
        if !sent {
            return Err(undone());
        }
        self.n_waiting += 1;
        Ok(())
    }

    /// True when all is done.
    ///
    /// # Errors
    /// When something has failed.
    pub fn is_idle(&mut self) -> Result<bool> {
        while let Ok(result) = self.done.try_recv() {
            self.n_waiting -= 1;
            result?;
        }
        Ok(self.n_waiting == 0)
    }

    /// Waits until all is done.
    ///
    /// # Errors
    /// When something has failed.
    pub fn wait(&mut self) -> Result<()> {
        while self.n_waiting > 0 {
            let result = self.done.recv().expect("the thread ends with its owner only");
            self.n_waiting -= 1;
            result?;
        }
        Ok(())
    }
}

fn undone() -> Error {
    Error::new(Kind::Archive, "not written, since what came before it could not be written")
        .hint("run the same command again: what is done stays done")
}

/// What owner and task share; a task that panicked was told of where it was waited for.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Aside {
    fn drop(&mut self) {
        drop(self.tasks.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was told where it was waited for.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn tasks_are_done_in_order() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let mut aside = Aside::new(2);
        for n in 0..100 {
            let done = done.clone();
            aside
                .run(move || {
                    done.lock().unwrap().push(n);
                    Ok(())
                })
                .unwrap();
        }
        aside.wait().unwrap();
        assert_eq!(*done.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_failure_nothing_is_done_and_nothing_succeeds() {
        let done = Arc::new(Mutex::new(0));
        let mut aside = Aside::new(8);
        aside.run(|| Err(Error::new(Kind::Archive, "full"))).unwrap();
        assert_eq!(aside.wait().unwrap_err().to_string(), "full");
        for _ in 0..3 {
            let task = done.clone();
            aside
                .run(move || {
                    *task.lock().unwrap() += 1;
                    Ok(())
                })
                .unwrap();
            assert!(aside.wait().is_err());
        }
        assert_eq!(*done.lock().unwrap(), 0);
    }
}
