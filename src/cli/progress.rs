//! Progress: bars on a terminal, a plain line every few seconds elsewhere, JSON lines if asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::log::Level;
use super::output::{Head, Output, number, size};
use crate::report::event::{Event, Observer};

/// A plain line is printed so often.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How a command tells what it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Bars or plain lines on stderr.
    People,
    /// Events as JSON lines on stdout, and progress on stderr.
    Machines,
    /// Only warnings.
    Nobody,
}

impl Telling {
    /// What the flags `--json` and `--quiet` ask for.
    pub fn of(is_json: bool, is_quiet: bool) -> Telling {
        match (is_json, is_quiet) {
            (true, _) => Telling::Machines,
            (false, true) => Telling::Nobody,
            (false, false) => Telling::People,
        }
    }
}

/// Hears the events of a command and shows them.
pub struct Progress {
    output: Output,
    telling: Telling,
    is_quiet: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: Option<Stage>,
    listing: Option<ProgressBar>,
    last_plain: Option<Instant>,
    n_faults: u64,
}

struct Stage {
    name: &'static str,
    begin: Instant,
    total_bytes: u64,
    bytes: u64,
    items: u64,
    product: Option<Product>,
    bar: Option<ProgressBar>,
}

struct Product {
    name: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows events of one command.
    pub fn new(output: &Output, telling: Telling, is_quiet: bool) -> Progress {
        Progress { output: output.clone(), telling, is_quiet, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_bars(&self) -> bool {
        self.output.is_terminal() && !self.is_quiet
    }

    fn bar(&self, total_bytes: u64, name: &str) -> Option<ProgressBar> {
        if !self.has_bars() {
            return None;
        }
        Some(bar(&self.output, total_bytes, name))
    }

    fn listing(&self, part: &str, done: u64, total: u64) {
        let mut state = self.lock();
        if self.has_bars() {
            if state.listing.is_none() {
                state.listing = self.bar(total, "listing");
            }
            if let Some(bar) = &state.listing {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(self.output.shown(part));
            }
        } else {
            self.plain(&mut state, || format!("listing {part}: {} of {}", size(done), size(total)));
        }
    }

    /// Prints a plain line unless one was printed a moment ago.
    fn plain(&self, state: &mut State, text: impl FnOnce() -> String) {
        if self.is_due(state) {
            self.output.note(&self.output.shown(&text()));
        }
    }

    /// True if a plain line is wanted and none was printed a moment ago.
    fn is_due(&self, state: &mut State) -> bool {
        if self.is_quiet || self.output.is_terminal() {
            return false;
        }
        let now = Instant::now();
        let last = *state.last_plain.get_or_insert(now);
        let is_due = now.duration_since(last) >= PLAIN_EVERY;
        if is_due {
            state.last_plain = Some(now);
        }
        is_due
    }

    fn advance(&self, bytes: u64, items: u64) {
        let mut state = self.lock();
        let Some(stage) = &mut state.stage else { return };
        stage.bytes = stage.bytes.saturating_add(bytes);
        stage.items += items;
        if let Some(bar) = &stage.bar {
            bar.inc(bytes);
            if items > 0 {
                bar.set_message(self.output.shown(&format!("{} items", number(stage.items))));
            }
        }
        if let Some(bar) = stage.product.as_ref().and_then(|product| product.bar.as_ref()) {
            bar.inc(bytes);
        }
        if self.is_due(&mut state)
            && let Some(stage) = &state.stage
        {
            self.output.note(&self.output.shown(&stage.line()));
        }
    }

    fn tell(&self, value: serde_json::Value) {
        if self.telling == Telling::Machines {
            self.output.json(&value);
        }
    }
}

impl Stage {
    fn line(&self) -> String {
        let seconds = self.begin.elapsed().as_secs_f64().max(0.001);
        let rate = (self.bytes as f64 / seconds) as u64;
        let left_s = self.total_bytes.saturating_sub(self.bytes) / rate.max(1);
        let product = self.product.as_ref().map(|product| format!(", {}", product.name)).unwrap_or_default();
        format!(
            "{}: {} of {}, {} items, {}/s, {}:{:02} left{product}",
            self.name,
            size(self.bytes),
            size(self.total_bytes),
            number(self.items),
            size(rate),
            left_s / 60,
            left_s % 60
        )
    }

    fn done(&self) -> String {
        let seconds = self.begin.elapsed().as_secs_f64();
        format!("{}, {} items in {seconds:.1} s", size(self.bytes), number(self.items))
    }

    fn finish(&self) {
        let of_product = self.product.as_ref().and_then(|product| product.bar.as_ref());
        for bar in [self.bar.as_ref(), of_product].into_iter().flatten() {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        match event {
            Event::Listing { part, done_bytes, total_bytes } => self.listing(&part, done_bytes, total_bytes),
            Event::Begin { stage, total_bytes, total_items } => {
                let bar = self.bar(total_bytes, stage);
                let mut state = self.lock();
                if let Some(listing) = state.listing.take() {
                    listing.finish_and_clear();
                }
                let begin = Instant::now();
                state.stage =
                    Some(Stage { name: stage, begin, total_bytes, bytes: 0, items: 0, product: None, bar });
                let what = format!("{stage} begins: {}, {} items", size(total_bytes), number(total_items));
                self.output.detail(Level::Info, &what);
                self.tell(
                    json!({"event": "begin", "stage": stage, "bytes": total_bytes, "items": total_items}),
                );
            }
            Event::Product { name, total_bytes } => {
                let bar = self.bar(total_bytes, &name);
                self.output.detail(Level::Debug, &format!("product {name}: {}", size(total_bytes)));
                if let Some(stage) = &mut self.lock().stage {
                    if let Some(old) = stage.product.take().and_then(|product| product.bar) {
                        old.finish_and_clear();
                    }
                    stage.product = Some(Product { name: name.clone(), bar });
                }
                self.tell(json!({"event": "product", "product": name, "bytes": total_bytes}));
            }
            Event::Bytes(bytes) => self.advance(bytes, 0),
            Event::Items(items) => self.advance(0, items),
            Event::Warning(text) => {
                self.output.headed(Head::Warning, &text);
                self.tell(json!({"event": "warning", "what": text}));
            }
            Event::Detail(text) => self.output.detail(Level::Info, &text),
            Event::Saved { new_items, entries } => {
                let what =
                    format!("safe: {} new items, {} entries", number(new_items), number(entries.total()));
                self.output.detail(Level::Debug, &what);
                self.tell(json!({"event": "saved", "new_items": new_items, "entries": entries.to_json()}));
            }
            Event::Fault { place, what, hint, state } => {
                let mut known = self.lock();
                known.n_faults += 1;
                if known.n_faults <= 20 && !self.is_quiet && self.telling == Telling::People {
                    self.output.headed(Head::Fault, &format!("{what}, in {place}"));
                } else {
                    self.output.detail(Level::Debug, &format!("fault: {what}, in {place}"));
                }
                let state = state.map(crate::report::counts::State::name);
                self.tell(
                    json!({"event": "fault", "place": place, "what": what, "hint": hint, "state": state}),
                );
            }
            Event::End { stage } => {
                if let Some(stage) = self.lock().stage.take() {
                    stage.finish();
                    self.output.detail(Level::Info, &format!("{} ends: {}", stage.name, stage.done()));
                }
                self.tell(json!({"event": "end", "stage": stage}));
            }
        }
    }
}

/// How many columns the terminal has.
/// A bar of bytes that fits the terminal and its locale.
pub fn bar(output: &Output, total_bytes: u64, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template(columns())).expect("the templates are constants");
    let style = if output.is_utf8() { style } else { style.progress_chars("=> ") };
    let bar = output.bars().add(ProgressBar::new(total_bytes).with_style(style));
    bar.set_prefix(output.shown(name));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn columns() -> u16 {
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| size.ws_col)
}

/// What a bar shows on a terminal of so many columns: less where there is less room, never more than a line.
fn template(columns: u16) -> &'static str {
    match columns {
        0..60 => "{prefix:>12!} {wide_bar} {percent:>3}% {eta:>4}",
        60..100 => "{prefix:>12!} {wide_bar} {binary_bytes}/{binary_total_bytes} {percent:>3}% {eta:>4} left",
        _ => {
            "{prefix:>12!} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left {wide_msg}"
        }
    }
}
