//! What the person in front of `dev` sees: a live table on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use rustix::termios::tcgetwinsize;

use crate::dev::table::{Canvas, Row, cut, render};

/// The terminal or the file that standard output is.
#[derive(Debug)]
pub(super) struct Screen {
    begun: Instant,
    live: bool,
    colour: bool,
    /// Lines of the live block that are on the terminal now.
    drawn: usize,
    /// What was last drawn, or last said of each resource.
    block: Vec<String>,
    said: BTreeMap<String, String>,
}

// === impl Screen ===

impl Screen {
    /// Looks at standard output, `TERM` and `NO_COLOR`.
    pub(super) fn new() -> Self {
        let live =
            io::stdout().is_terminal() && std::env::var("TERM").is_ok_and(|term| term != "dumb");
        let colour = live && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            begun: Instant::now(),
            live,
            colour,
            drawn: 0,
            block: Vec::new(),
            said: BTreeMap::new(),
        }
    }

    /// One line that stays.
    pub(super) fn say(&mut self, text: &str) {
        let mut out = self.erased();
        out.push_str(text);
        out.push('\n');
        out.push_str(&self.block_text());
        self.write(&out);
        self.drawn = self.block.len();
    }

    /// The present state of every resource, and of the connection.
    pub(super) fn show(&mut self, headings: &[String], rows: &[Row]) {
        if self.live { self.draw(headings, rows) } else { self.tell(rows) }
    }

    fn draw(&mut self, headings: &[String], rows: &[Row]) {
        let (width, height) = match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 => (usize::from(size.ws_col), usize::from(size.ws_row)),
            _ => (80, 24),
        };
        let ready = rows.iter().filter(|row| row.is_ready()).count();
        let mut block: Vec<String> = vec![String::new()];
        block.extend(headings.iter().map(|heading| cut(heading, width)));
        block.push(cut(
            &format!("{ready} of {} ready · Ctrl-C stops everything", rows.len()),
            width,
        ));
        let height = height.saturating_sub(block.len() + 1);
        block.extend(render(rows, Canvas { width, height, colour: self.colour }));
        if block == self.block && self.drawn > 0 {
            return;
        }
        let mut out = self.erased();
        self.block = block;
        out.push_str(&self.block_text());
        self.write(&out);
        self.drawn = self.block.len();
    }

    /// Says of each resource what has changed.
    fn tell(&mut self, rows: &[Row]) {
        let mut lines = String::new();
        let mut now = BTreeMap::new();
        for row in rows {
            let (title, verdict) = (row.title(), row.verdict());
            if self.said.get(&title) != Some(&verdict) {
                lines.push_str(&self.line(&format!("{title}: {verdict}")));
            }
            now.insert(title, verdict);
        }
        for gone in self.said.keys().filter(|title| !now.contains_key(*title)) {
            lines.push_str(&self.line(&format!("{gone}: gone")));
        }
        self.said = now;
        self.write(&lines);
    }

    fn line(&self, text: &str) -> String {
        format!("{:7.1}s  {text}\n", self.begun.elapsed().as_secs_f64())
    }

    /// Moves the cursor to the first line of the live block and clears from there.
    fn erased(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\x1b[{}A\r\x1b[J", self.drawn) }
    }

    fn block_text(&self) -> String {
        self.block.iter().map(|line| format!("{line}\n")).collect()
    }

    fn write(&self, text: &str) {
        // Nobody may be reading any more, which is no reason to stop.
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
