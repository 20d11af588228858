//! The table of resources, as text. Pure.

use crate::dev::readiness::{Readiness, State};

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) namespace: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) readiness: Readiness,
}

/// The space there is, in characters, and whether colour may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) colour: bool,
}

/// Reason of an object that the API server did not take.
pub(super) const REFUSED: &str = "Refused";

const TITLES: [&str; 5] = ["NAMESPACE", "KIND", "NAME", "READY", "REASON"];
const GAP: usize = 2;
const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const BOLD: &str = "1";

// === impl Row ===

impl Row {
    /// The row of one object.
    pub(super) fn new(kind: &str, namespace: &str, name: &str, readiness: Readiness) -> Self {
        Self {
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            readiness,
        }
    }

    /// Whether nothing is left to wait for.
    pub(super) fn is_ready(&self) -> bool {
        self.readiness.state == State::Ready
    }

    /// Whether the API server did not take it.
    pub(super) fn is_refused(&self) -> bool {
        self.readiness.reason == REFUSED
    }

    /// `Queue shop/billing`.
    pub(super) fn title(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("{} {}", self.kind, self.name),
            namespace => format!("{} {namespace}/{}", self.kind, self.name),
        }
    }

    /// `Ready`, or what keeps it from that, in one line.
    pub(super) fn verdict(&self) -> String {
        let Readiness { state, reason, message } = &self.readiness;
        let word = match state {
            State::Ready => return "Ready".to_owned(),
            State::InProgress => "not ready",
            State::Failed => "failed",
            State::Terminating => "terminating",
        };
        let details = [reason.as_str(), message.as_str()];
        let details: Vec<_> =
            details.into_iter().filter(|text| !text.is_empty() && *text != "Terminating").collect();
        if details.is_empty() {
            word.to_owned()
        } else {
            format!("{word}: {}", one_line(&details.join(": ")))
        }
    }

    fn cells(&self) -> [&str; 5] {
        let ready = match self.readiness.state {
            State::Ready => "True",
            State::InProgress => "False",
            State::Failed => "Failed",
            State::Terminating => "Going",
        };
        [&self.namespace, &self.kind, &self.name, ready, &self.readiness.reason]
    }

    fn colour(&self) -> &'static str {
        match self.readiness.state {
            State::Ready => GREEN,
            State::InProgress | State::Terminating => YELLOW,
            State::Failed => RED,
        }
    }
}

/// Lays out `rows` under their titles, one line each, none wider than the canvas. What does not
/// fit its height is counted in a last line; rows that are not ready are shown first then.
pub(super) fn render(rows: &[Row], canvas: Canvas) -> Vec<String> {
    let mut shown: Vec<&Row> = rows.iter().collect();
    let room = canvas.height.saturating_sub(1).max(1);
    let hidden = rows.len().checked_sub(room).filter(|over| *over > 0).map(|over| over + 1);
    if let Some(hidden) = hidden {
        shown.sort_by_key(|row| row.readiness.state == State::Ready);
        shown.truncate(rows.len() - hidden.min(rows.len()));
    }
    let mut widths = TITLES.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.cells()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut lines =
        vec![paint(&line(TITLES, "MESSAGE", widths, canvas.width), BOLD, canvas.colour)];
    for row in shown {
        let text = line(row.cells(), &one_line(&row.readiness.message), widths, canvas.width);
        lines.push(paint(&text, row.colour(), canvas.colour));
    }
    if let Some(hidden) = hidden {
        lines.push(cut(&format!("… and {hidden} more"), canvas.width));
    }
    lines
}

fn line(cells: [&str; 5], message: &str, widths: [usize; 5], width: usize) -> String {
    let mut text = String::new();
    for (cell, width) in cells.into_iter().zip(widths) {
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + GAP));
    }
    text.push_str(message);
    cut(text.trim_end(), width)
}

/// At most `width` characters of `text`; an ellipsis tells that there was more.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Messages come from brokers and manifests: nothing in them may move the cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn paint(text: &str, code: &str, colour: bool) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, state: State, message: &str) -> Row {
        let reason = if state == State::Ready { "Programmed" } else { "BrokerUnreachable" };
        let readiness = Readiness::new(state, reason, message);
        Row { namespace: "shop".into(), kind: "Queue".into(), name: name.into(), readiness }
    }

    const WIDE: Canvas = Canvas { width: 200, height: 50, colour: false };

    #[test]
    fn columns_line_up() {
        let rows = [
            row("billing", State::Ready, ""),
            row("ü", State::InProgress, "connection refused\x1b[2J\nbye"),
        ];
        let lines = render(&rows, WIDE);
        assert_eq!(
            lines,
            [
                "NAMESPACE  KIND   NAME     READY  REASON             MESSAGE",
                "shop       Queue  billing  True   Programmed",
                "shop       Queue  ü        False  BrokerUnreachable  connection refused [2J bye",
            ]
        );
        assert_eq!(rows[1].title(), "Queue shop/ü");
        assert_eq!(rows[1].verdict(), "not ready: BrokerUnreachable: connection refused [2J bye");
    }

    #[test]
    fn what_does_not_fit_is_cut_or_counted() {
        let rows: Vec<_> =
            (0..9).map(|number| row(&number.to_string(), State::Ready, "")).collect();
        let mut rows = rows;
        rows.push(row("late", State::InProgress, ""));
        let lines = render(&rows, Canvas { width: 20, height: 5, colour: false });
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.chars().count() <= 20), "{lines:?}");
        assert!(lines[1].contains("l…"), "what is not ready is shown first: {lines:?}");
        assert_eq!(lines[4], "… and 7 more");
    }

    #[test]
    fn colour_is_used_only_when_allowed() {
        let rows = [row("a", State::Failed, "")];
        assert!(!render(&rows, WIDE).concat().contains('\x1b'));
        assert!(render(&rows, Canvas { colour: true, ..WIDE })[1].starts_with("\x1b[31m"));
    }
}
