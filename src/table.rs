//! Tables for people.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A table whose columns named in `right` are aligned to the right.
pub fn table(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Between two columns.
const GAP: usize = 2;

/// What is printed where nobody says how wide the terminal is.
pub const USUAL_WIDTH: usize = 80;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

#[derive(Clone, Debug)]
struct Column {
    title: String,
    align: Align,
    /// The first to go where there is no room has the highest; 0 stays.
    dispensable: u8,
    /// How far its cells may be cut; `None` not at all.
    least: Option<usize>,
    /// How wide it is when everything is shown whole.
    natural: usize,
}

impl Column {
    fn least(&self) -> usize {
        let least = self.least.unwrap_or(self.natural);
        least.min(self.natural)
    }
}

/// A text, and how wide it is: that takes longer to find than to remember.
#[derive(Clone, Debug)]
struct Cell {
    text: String,
    width: usize,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        let width = text.width();
        Self { text, width }
    }
}

/// A table without lines, which can be fitted to a width.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Plain {
    /// With these columns, all of which stay whole.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let mut table = Self::default();
        for (title, align) in columns {
            table.column(title, *align, 0, None);
        }
        table
    }

    /// One more column: the higher `dispensable`, the sooner it goes where there is
    /// no room; 0 stays. Its cells may be cut to `least` characters.
    pub fn column(&mut self, title: &str, align: Align, dispensable: u8, least: Option<usize>) {
        self.columns.push(Column {
            title: title.to_owned(),
            align,
            dispensable,
            least,
            natural: title.width(),
        });
    }

    /// One more row.
    pub fn row(&mut self, cells: Vec<String>) {
        let cells: Vec<Cell> = cells.into_iter().map(Cell::from).collect();
        for (column, cell) in self.columns.iter_mut().zip(&cells) {
            column.natural = column.natural.max(cell.width);
        }
        self.rows.push(cells);
    }

    /// In lines of at most `width` characters, as far as columns can be left out or
    /// cut.
    pub fn fit(&self, width: usize) -> String {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        loop {
            let least: usize = shown
                .iter()
                .map(|index| self.columns[*index].least() + GAP)
                .sum();
            let most_dispensable = shown
                .iter()
                .copied()
                .max_by_key(|index| self.columns[*index].dispensable);
            match most_dispensable {
                Some(index) if least > width + GAP && self.columns[index].dispensable > 0 => {
                    shown.retain(|kept| *kept != index);
                }
                _ => break,
            }
        }
        let mut widths: Vec<usize> = shown
            .iter()
            .map(|index| self.columns[*index].natural)
            .collect();
        let total = |widths: &[usize]| widths.iter().map(|w| w + GAP).sum::<usize>();
        // The last give way first: what a row is about stands at its start.
        for (place, index) in shown.iter().enumerate().rev() {
            let over = total(&widths).saturating_sub(width + GAP);
            widths[place] = widths[place]
                .saturating_sub(over)
                .max(self.columns[*index].least());
        }
        let header = self
            .columns
            .iter()
            .map(|column| column.title.clone().into());
        let header: Vec<Cell> = header.collect();
        let lines = std::iter::once(&header).chain(&self.rows);
        let lines = lines.map(|cells| self.line(cells, &shown, &widths));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// How wide it is when everything is shown whole.
    pub fn needs(&self) -> usize {
        let widths = self.columns.iter().map(|column| column.natural + GAP);
        widths.sum::<usize>().saturating_sub(GAP)
    }

    fn line(&self, cells: &[Cell], shown: &[usize], widths: &[usize]) -> String {
        let mut line = String::new();
        for (place, (index, width)) in shown.iter().zip(widths).enumerate() {
            if place > 0 {
                line.push_str("  ");
            }
            let shortened;
            let cell = match cells.get(*index) {
                Some(cell) if cell.width > *width => {
                    shortened = cut(&cell.text, *width).into();
                    Some(&shortened)
                }
                other => other,
            };
            let (text, taken) = cell.map_or(("", 0), |cell| (&cell.text, cell.width));
            let pad = " ".repeat(width.saturating_sub(taken));
            match self.columns[*index].align {
                Align::Left => line.extend([text, &pad]),
                Align::Right => line.extend([&pad, text]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fit(usize::MAX - 2 * GAP))
    }
}

/// The start of a text that is wider than `width` characters, in so many, with a mark
/// where it is cut.
fn cut(text: &str, width: usize) -> String {
    let mut kept = String::new();
    let mut used = 1;
    for char in text.chars() {
        used += char.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(char);
    }
    kept.truncate(kept.trim_end().len());
    kept + "…"
}

/// How wide the terminal is that standard output goes to; else what `COLUMNS` says,
/// or the usual.
pub fn terminal_width() -> usize {
    let of_terminal = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let columns = of_terminal.map(|size| usize::from(size.ws_col));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    columns
        .filter(|columns| *columns > 0)
        .or_else(said)
        .unwrap_or(USUAL_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Plain {
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(6));
        table.column("fee", Align::Right, 0, None);
        table.column("extra", Align::Right, 1, None);
        table.row(vec!["a long name".into(), "1,200".into(), "7".into()]);
        table.row(vec!["日本".into(), "5".into(), "12".into()]);
        table
    }

    #[test]
    fn with_room_everything_is_shown_whole() {
        let expected = "\
peer           fee  extra
a long name  1,200      7
日本             5     12";
        assert_eq!(sample().to_string(), expected);
    }

    #[test]
    fn without_room_columns_go_and_words_are_cut() {
        let narrow = sample().fit(20);
        let expected = "\
peer      fee  extra
a lon…  1,200      7
日本        5     12";
        assert_eq!(narrow, expected);
        let narrower = sample().fit(15);
        let expected = "\
peer        fee
a long…   1,200
日本          5";
        assert_eq!(narrower, expected);
    }
}
