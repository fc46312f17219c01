//! Where the demo is shown: a terminal that is drawn over, or plain lines.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Where frames go.
pub struct Screen {
    terminal: Option<console::Term>,
    quiet: bool,
}

impl Screen {
    /// The terminal behind standard output, or plain lines if there is none.
    pub fn new(quiet: bool) -> Self {
        let watched = !quiet && std::io::stdout().is_terminal();
        let terminal = watched.then(console::Term::stdout);
        if let Some(terminal) = &terminal {
            let _ = terminal
                .hide_cursor()
                .and_then(|()| terminal.clear_screen());
        }
        Self { terminal, quiet }
    }

    /// How many lines fit.
    pub fn rows(&self) -> usize {
        match &self.terminal {
            Some(terminal) => usize::from(terminal.size().0).saturating_sub(1),
            None => usize::MAX,
        }
    }

    /// Shows a frame: all of it on a terminal, its first two lines elsewhere.
    pub fn show(&self, lines: &[String]) {
        let Some(terminal) = &self.terminal else {
            if !self.quiet {
                let _ = writeln!(
                    std::io::stdout(),
                    "{}",
                    lines[..lines.len().min(2)].join(" | ")
                );
            }
            return;
        };
        let columns = usize::from(terminal.size().1);
        let mut text = String::from("\x1b[H");
        for line in lines {
            text.extend(line.chars().take(columns));
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[J");
        let _ = terminal.write_str(&text);
    }

    /// Leaves the terminal as it was.
    pub fn close(&self) {
        if let Some(terminal) = &self.terminal {
            let _ = terminal.show_cursor();
        }
    }
}

/// Keeps simulated time from running away.
pub struct Pacer {
    speed: f64,
    started: Instant,
    simulated: Duration,
}

impl Pacer {
    /// `speed` simulated seconds per second; 0 does not wait.
    pub fn new(speed: f64) -> Self {
        Self {
            speed,
            started: Instant::now(),
            simulated: Duration::ZERO,
        }
    }

    /// Waits until `step` more may have passed.
    pub async fn keep_pace(&mut self, step: Duration) {
        self.simulated += step;
        if self.speed <= 0.0 {
            return;
        }
        let due = self.simulated.as_secs_f64() / self.speed;
        let ahead = due - self.started.elapsed().as_secs_f64();
        if ahead > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(ahead.min(3_600.0))).await;
        }
    }
}
