//! Logging in, in the order of ssh(1): keys of the agent, key files, keyboard-interactive, password.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive, Prompt};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use tokio::net::UnixStream;

use super::super::Opening;
use super::super::secret::expanded;
use super::super::target::{Result, TargetError};
use super::host_config::HostConfig;
use super::key_file::{certificate, is_encrypted, private_key, public_key};
use super::known_hosts::fingerprint;
use super::{Watch, rsa_hash};

/// Servers end a connection after six tries that fail (sshd_config(5), MaxAuthTries); one of them is the question
/// which methods there are.
const TRIES_A_CONNECTION: u32 = 4;
/// How often a person may mistype.
const TYPING_TRIES: u32 = 3;

/// A login that is under way, perhaps over several connections.
pub struct Login<'a> {
    config: &'a HostConfig,
    opening: &'a Opening<'a>,
    candidates: VecDeque<Candidate>,
    tried: Vec<String>,
    notes: Vec<String>,
    failures: u32,
    has_tried_typing: bool,
}

/// What a step led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Logged in.
    Done,
    /// This connection takes no more tries; another one may.
    ConnectAgain,
}

enum Candidate {
    Agent(PublicKey),
    File(PathBuf),
}

impl<'a> Login<'a> {
    /// A login that has tried nothing yet.
    pub fn new(config: &'a HostConfig, opening: &'a Opening<'a>) -> Login<'a> {
        Login {
            config,
            opening,
            candidates: VecDeque::new(),
            tried: Vec::new(),
            notes: Vec::new(),
            failures: 0,
            has_tried_typing: false,
        }
    }

    /// Tries what was not tried yet.
    ///
    /// # Errors
    /// When nothing is left to try.
    pub async fn go_on(&mut self, handle: &mut Handle<Watch>) -> Result<Step> {
        if self.tried.is_empty() && self.candidates.is_empty() {
            self.candidates = self.candidates().await;
        }
        self.failures = 0;
        // A key is tried without asking first what the server takes: most take keys, and the answer tells it too.
        let mut methods = None;
        if self.candidates.is_empty() {
            methods = match self.ask_for_methods(handle).await? {
                None => return Ok(Step::Done),
                methods => methods,
            };
        }
        while methods.as_ref().is_none_or(|it| it.contains(&MethodKind::PublicKey)) {
            if self.failures >= TRIES_A_CONNECTION && !self.candidates.is_empty() {
                return Ok(Step::ConnectAgain);
            }
            let Some(candidate) = self.candidates.pop_front() else { break };
            match self.try_key(handle, &candidate).await {
                Some(AuthResult::Success) => return Ok(Step::Done),
                Some(AuthResult::Failure { remaining_methods, partial_success }) => {
                    methods = Some(remaining_methods);
                    self.failures = if partial_success { 0 } else { self.failures + 1 };
                }
                None => {}
            }
            // A server that has had enough of failures closes the connection; without one it is the link.
            if handle.is_closed() {
                return if self.failures > 0 { Ok(Step::ConnectAgain) } else { Err(self.cut()) };
            }
        }
        let methods = match methods {
            Some(methods) => methods,
            None => match self.ask_for_methods(handle).await? {
                None => return Ok(Step::Done),
                Some(methods) => methods,
            },
        };
        if self.failures > 1 && !self.has_tried_typing && asks_person(&methods) {
            self.has_tried_typing = true;
            return Ok(Step::ConnectAgain);
        }
        if methods.contains(&MethodKind::KeyboardInteractive) && self.answer(handle).await? {
            return Ok(Step::Done);
        }
        if methods.contains(&MethodKind::Password) && self.password(handle).await? {
            return Ok(Step::Done);
        }
        Err(self.failed(&methods))
    }

    /// What the server takes; `None` if it lets everybody in.
    async fn ask_for_methods(&self, handle: &mut Handle<Watch>) -> Result<Option<MethodSet>> {
        match handle.authenticate_none(&self.config.user).await {
            Ok(AuthResult::Success) => Ok(None),
            // No server takes nothing: the link was cut meanwhile.
            Ok(AuthResult::Failure { remaining_methods, .. }) if remaining_methods.is_empty() => {
                Err(self.cut())
            }
            Ok(AuthResult::Failure { remaining_methods, .. }) => Ok(Some(remaining_methods)),
            Err(err) => Err(super::unreachable(self.config, &super::plain(&err))),
        }
    }

    /// Keys to try: those that are named first, agents' before files, and files without passphrase before others.
    async fn candidates(&mut self) -> VecDeque<Candidate> {
        let settings = self.opening.login;
        let files: Vec<PathBuf> = match &settings.identity {
            Some(path) => vec![expanded(path)],
            None => self.config.identities.clone(),
        };
        let is_named = settings.identity.is_some() || self.config.has_own_identities;
        let of_files: Vec<PublicKey> = files.iter().filter_map(|path| public_key(path)).collect();
        let only = settings.identity.is_some() || self.config.identities_only;
        let of_agent = agent_keys().await;
        let is_of_files = |key: &PublicKey| of_files.iter().any(|it| it.key_data() == key.key_data());
        let (named, others): (Vec<_>, Vec<_>) = of_agent.into_iter().partition(is_of_files);
        let mut candidates: VecDeque<Candidate> = named.iter().cloned().map(Candidate::Agent).collect();
        if !only {
            candidates.extend(others.into_iter().map(Candidate::Agent));
        }
        let is_in_agent = |path: &PathBuf| {
            public_key(path).is_some_and(|key| named.iter().any(|it| it.key_data() == key.key_data()))
        };
        let mut files: Vec<PathBuf> = files.into_iter().filter(|path| !is_in_agent(path)).collect();
        if is_named {
            let missing = files.iter().filter(|path| !path.exists());
            self.notes.extend(missing.map(|path| format!("there is no key `{}`", path.display())));
        }
        files.retain(|path| path.exists());
        files.sort_by_key(|path| is_encrypted(path));
        candidates.extend(files.into_iter().map(Candidate::File));
        candidates
    }

    /// Tries a key; `None` if it could not even be tried.
    async fn try_key(&mut self, handle: &mut Handle<Watch>, candidate: &Candidate) -> Option<AuthResult> {
        match candidate {
            Candidate::Agent(key) => {
                self.tried.push(format!("key {} of the agent", fingerprint(key)));
                let hash = hash_for(handle, key).await;
                let mut agent = Agent(connect_agent().await?);
                let user = &self.config.user;
                handle.authenticate_publickey_with(user, key.clone(), hash, &mut agent).await.ok()
            }
            Candidate::File(path) => self.try_file(handle, path).await,
        }
    }

    async fn try_file(&mut self, handle: &mut Handle<Watch>, path: &Path) -> Option<AuthResult> {
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        if mode & 0o077 != 0 {
            let text =
                format!("`{}` can be read by others (mode {:03o}): chmod 600", path.display(), mode & 0o777);
            self.notes.push(text);
            return None;
        }
        self.tried.push(format!("key {}", path.display()));
        if is_encrypted(path)
            && let Some(public) = public_key(path)
        {
            // The passphrase is asked for only if the server would take the key.
            let hash = hash_for(handle, &public).await;
            let asked = handle.authenticate_publickey_with(&self.config.user, public, hash, &mut Probe).await;
            match asked {
                Err(Probed::WouldDo) => {}
                Err(Probed::Cut) => return None,
                Ok(result) => return Some(result),
            }
        }
        let key = Arc::new(self.private_key(path)?);
        let hash = hash_for(handle, key.public_key()).await;
        if let Some(certificate) = certificate(path) {
            let user = &self.config.user;
            let result = handle.authenticate_openssh_cert(user, key.clone(), certificate).await;
            match result {
                Ok(AuthResult::Failure { partial_success: false, .. }) => self.failures += 1,
                result => return result.ok(),
            }
        }
        let key = PrivateKeyWithHashAlg::new(key, hash);
        handle.authenticate_publickey(&self.config.user, key).await.ok()
    }

    /// Reads a key file, asking for its passphrase where it has one.
    fn private_key(&mut self, path: &Path) -> Option<PrivateKey> {
        if !is_encrypted(path) {
            let key = private_key(path, None);
            if key.is_none() {
                self.notes.push(format!("`{}` is no key that can be read", path.display()));
            }
            return key;
        }
        let settings = self.opening.login;
        let configured = settings.passphrase.read("EXODUS_PASSPHRASE", &mut self.notes);
        if let Some(passphrase) = configured {
            let key = private_key(path, Some(&passphrase));
            if key.is_none() {
                let text = format!(
                    "the configured passphrase does not open `{0}`; if ssh takes it: ssh-add {0}",
                    path.display()
                );
                self.notes.push(text);
            }
            return key;
        }
        let prompt = format!("Passphrase of {}", path.display());
        for n in 0..TYPING_TRIES {
            let passphrase = self.opening.ask.secret(&prompt, n > 0)?;
            if let Some(key) = private_key(path, Some(&passphrase)) {
                return Some(key);
            }
        }
        self.notes.push(format!("the passphrase of `{}` was wrong", path.display()));
        None
    }

    fn configured_password(&mut self) -> Option<String> {
        self.opening.login.password.read("EXODUS_PASSWORD", &mut self.notes)
    }

    /// Keyboard-interactive: the server asks, a person answers; a configured password answers the one hidden question.
    async fn answer(&mut self, handle: &mut Handle<Watch>) -> Result<bool> {
        let configured = self.configured_password();
        let tries = if configured.is_some() { 1 } else { TYPING_TRIES };
        for n in 0..tries {
            self.tried.push("keyboard-interactive".to_owned());
            let mut asked = handle.authenticate_keyboard_interactive_start(&self.config.user, None).await;
            loop {
                match asked {
                    Ok(Interactive::Success) => return Ok(true),
                    Ok(Interactive::Failure { .. }) => break,
                    Err(err) => return Err(super::unreachable(self.config, &super::plain(&err))),
                    Ok(Interactive::InfoRequest { name, instructions, prompts }) => {
                        [name, instructions].iter().for_each(|text| self.opening.ask.tell(text));
                        let Some(answers) = self.answers(&prompts, configured.as_deref(), n > 0) else {
                            return Ok(false);
                        };
                        asked = handle.authenticate_keyboard_interactive_respond(answers).await;
                    }
                }
            }
        }
        Ok(false)
    }

    fn answers(&self, prompts: &[Prompt], configured: Option<&str>, is_again: bool) -> Option<Vec<String>> {
        let hidden = prompts.iter().filter(|prompt| !prompt.echo).count();
        let answer = |prompt: &Prompt| match (prompt.echo, configured) {
            (false, Some(password)) if hidden == 1 => Some(password.to_owned()),
            (false, _) => {
                let text = format!("{}: {}", self.whom(), prompt.prompt.trim());
                self.opening.ask.secret(&text, is_again)
            }
            (true, _) => self.opening.ask.line(&prompt.prompt),
        };
        prompts.iter().map(answer).collect()
    }

    async fn password(&mut self, handle: &mut Handle<Watch>) -> Result<bool> {
        let configured = self.configured_password();
        let tries = if configured.is_some() { 1 } else { TYPING_TRIES };
        for n in 0..tries {
            let prompt = format!("Password of {}", self.whom());
            let password = configured.clone().or_else(|| self.opening.ask.secret(&prompt, n > 0));
            let Some(password) = password else { return Ok(false) };
            self.tried.push("password".to_owned());
            match handle.authenticate_password(&self.config.user, password).await {
                Ok(AuthResult::Success) => return Ok(true),
                Ok(AuthResult::Failure { .. }) if !handle.is_closed() => {}
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    fn cut(&self) -> TargetError {
        super::unreachable(self.config, "the link was cut while logging in")
    }

    fn whom(&self) -> String {
        format!("{}@{}", self.config.user, self.config.host.text())
    }

    fn failed(&mut self, methods: &MethodSet) -> TargetError {
        let offered: Vec<&str> = methods.iter().map(Into::into).collect();
        self.tried.dedup();
        let tried = if self.tried.is_empty() { "nothing".to_owned() } else { self.tried.join(", ") };
        let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
        let what = format!("cannot log in as {}; tried: {tried}; the server takes: {offered}", self.whom());
        let mut err = TargetError::login(what);
        self.notes.dedup();
        for note in std::mem::take(&mut self.notes) {
            err = err.hint(note);
        }
        err.hint("name the key with --identity, or the password by EXODUS_PASSWORD, `password_file` or `password_command`")
    }
}

fn asks_person(methods: &MethodSet) -> bool {
    methods.contains(&MethodKind::KeyboardInteractive) || methods.contains(&MethodKind::Password)
}

async fn hash_for(handle: &Handle<Watch>, key: &PublicKey) -> Option<HashAlg> {
    if key.algorithm().is_rsa() { rsa_hash(handle).await } else { None }
}

async fn connect_agent() -> Option<AgentClient<UnixStream>> {
    let socket = std::env::var_os("SSH_AUTH_SOCK")?;
    AgentClient::connect_uds(socket).await.ok()
}

async fn agent_keys() -> Vec<PublicKey> {
    let Some(mut agent) = connect_agent().await else { return Vec::new() };
    let identities = agent.request_identities().await.unwrap_or_default();
    let plain = identities.into_iter().filter_map(|identity| match identity {
        AgentIdentity::PublicKey { key, .. } => Some(key),
        AgentIdentity::Certificate { .. } => None,
    });
    plain.collect()
}

/// Has the agent sign.
struct Agent(AgentClient<UnixStream>);

/// The agent did not sign, or the link was cut.
struct NotSigned;

impl From<russh::SendError> for NotSigned {
    fn from(_: russh::SendError) -> NotSigned {
        NotSigned
    }
}

impl russh::Signer for Agent {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> std::result::Result<Vec<u8>, NotSigned> {
        self.0.sign_request(key, hash, to_sign).await.map_err(|_| NotSigned)
    }
}

/// Only asks whether the server would take a key.
struct Probe;

enum Probed {
    WouldDo,
    Cut,
}

impl From<russh::SendError> for Probed {
    fn from(_: russh::SendError) -> Probed {
        Probed::Cut
    }
}

impl russh::Signer for Probe {
    type Error = Probed;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        _: Vec<u8>,
    ) -> std::result::Result<Vec<u8>, Probed> {
        Err(Probed::WouldDo)
    }
}
