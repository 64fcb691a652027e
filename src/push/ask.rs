//! Questions to the user while a target is opened. `cli` answers them; nobody may be there to.

/// Answers what only the user can know. Called from one thread at a time.
pub trait Ask: Send + Sync {
    /// Whether to trust a host whose key is not known; `None` if nobody is there to be asked.
    /// `host` is as `known_hosts` writes it; `fingerprint` as `ssh` shows it (`SHA256:…`).
    fn trust(&self, host: &str, key_type: &str, fingerprint: &str) -> Option<bool>;
    /// A secret for which `prompt` asks, not shown while it is typed; `None` if nobody is there to be asked.
    /// The same prompt is answered the same again, unless `is_again`: the last answer was wrong.
    fn secret(&self, prompt: &str, is_again: bool) -> Option<String>;
    /// A line for which `prompt` asks, shown while it is typed; `None` if nobody is there to be asked.
    fn line(&self, prompt: &str) -> Option<String>;
    /// Shows a message of the server to the user.
    fn tell(&self, text: &str);
}
