//! Questions to the person at the terminal: host keys, passwords. Answers are kept for the run, so that a link that
//! is cut at night does not ask again.

use std::collections::HashMap;
use std::io::{self, BufRead, IsTerminal};
use std::sync::{Mutex, PoisonError};

use super::output::{Output, clean};
use crate::push::ask::Ask;

/// Asks on the terminal; nobody answers where there is none.
pub struct Questions {
    output: Output,
    is_terminal: bool,
    secrets: Mutex<HashMap<String, String>>,
}

impl Questions {
    /// Asks on this process's terminal.
    pub fn new(output: &Output) -> Questions {
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        Questions { output: output.clone(), is_terminal, secrets: Mutex::default() }
    }
}

impl Ask for Questions {
    fn trust(&self, host: &str, key_type: &str, fingerprint: &str) -> Option<bool> {
        if !self.is_terminal {
            return None;
        }
        let (host, key_type, fingerprint) = (clean(host), clean(key_type), clean(fingerprint));
        self.output.note(&format!("The server `{host}` is not known here yet. Its {key_type} key is"));
        self.output.note(&format!("  {fingerprint}"));
        self.output.note("Compare it with what your provider or administrator says.");
        let answer = self.line("Is it the right server? (yes/no)")?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "yes" | "y"))
    }

    fn secret(&self, prompt: &str, is_again: bool) -> Option<String> {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = secrets.get(prompt).filter(|_| !is_again) {
            return Some(secret.clone());
        }
        if !self.is_terminal {
            return None;
        }
        if is_again {
            self.output.note("That was not right.");
        }
        let prompt_text = format!("{}: ", clean(prompt).trim_end_matches([':', ' ']));
        let secret = self.output.bars().suspend(|| rpassword::prompt_password(prompt_text)).ok()?;
        secrets.insert(prompt.to_owned(), secret.clone());
        Some(secret)
    }

    fn line(&self, prompt: &str) -> Option<String> {
        if !self.is_terminal {
            return None;
        }
        self.output.note(&clean(prompt));
        let mut answer = String::new();
        self.output.bars().suspend(|| io::stdin().lock().read_line(&mut answer)).ok()?;
        Some(answer.trim_end_matches(['\n', '\r']).to_owned())
    }

    fn tell(&self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.output.note(&format!("server: {}", clean(line)));
        }
    }
}
