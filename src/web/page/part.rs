//! A long table in parts: a node of thousands of channels is shown as soon as a small
//! one.

use std::ops::Range;

use maud::{Markup, html};
use serde::Deserialize;

use sweetspot_core::types::format::grouped;

/// So many rows at once, some screens of them. Laying out 500 took a browser as long as
/// the whole answer took to make.
const ROWS: usize = 100;

/// Which part of a table is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartQuery {
    /// Counted from 1.
    page: Option<usize>,
}

impl PartQuery {
    /// The part of a table of `all` rows.
    pub fn of(self, all: usize) -> Part {
        Part::new(self.page, all)
    }
}

/// The part of a table that is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// Counted from 0.
    number: usize,
    all: usize,
}

impl Part {
    /// Page `page`, counted from 1, of `all` rows; the last one where there are fewer.
    pub fn new(page: Option<usize>, all: usize) -> Self {
        let last = all.div_ceil(ROWS).saturating_sub(1);
        let number = page.unwrap_or(1).saturating_sub(1).min(last);
        Self { number, all }
    }

    fn range(self) -> Range<usize> {
        let from = self.number * ROWS;
        from..(from + ROWS).min(self.all)
    }

    /// The rows of this part.
    pub fn rows<T>(self, all: &[T]) -> &[T] {
        all.get(self.range()).unwrap_or_default()
    }

    /// Links to every part, and which one this is; nothing where there is one only.
    /// `path` is that of the table, its query open for one more pair.
    pub fn links(self, path: &str) -> Markup {
        let parts = self.all.div_ceil(ROWS);
        html! {
            @if parts > 1 {
                nav class="parts" aria-label="Parts of the table" {
                    ul {
                        @for number in 0..parts {
                            @let part = Self { number, ..self };
                            li {
                                a href=(format!("{path}page={}", number + 1))
                                    aria-current=[(part == self).then_some("page")] { (part) }
                            }
                        }
                    }
                }
            }
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let range = self.range();
        let number = |n: usize| grouped(n.try_into().unwrap_or(u64::MAX));
        write!(f, "{} to {}", number(range.start + 1), number(range.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_each_row_once() {
        for all in [0, 1, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS - 1, 5 * ROWS] {
            let rows: Vec<usize> = (0..all).collect();
            let parts = 1..=all.div_ceil(ROWS);
            let held: Vec<usize> = parts
                .flat_map(|page| Part::new(Some(page), all).rows(&rows).to_vec())
                .collect();
            assert_eq!(held, rows);
        }
    }

    #[test]
    fn what_is_beyond_the_table_is_its_first_or_last_part() {
        let rows: Vec<usize> = (0..250).collect();
        assert_eq!(Part::new(None, 250), Part::new(Some(1), 250));
        assert_eq!(Part::new(Some(0), 250), Part::new(Some(1), 250));
        assert_eq!(Part::new(Some(usize::MAX), 250).rows(&rows), &rows[200..]);
        assert_eq!(Part::new(Some(2), 0).rows(&rows[..0]), &rows[..0]);
    }

    #[test]
    fn links_name_the_rows_and_mark_where_one_is() {
        let links = Part::new(Some(2), 1_050).links("/prune?").into_string();
        assert!(links.contains("<a href=\"/prune?page=1\">1 to 100</a>"));
        assert!(
            links.contains("<a href=\"/prune?page=2\" aria-current=\"page\">101 to 200</a>"),
            "{links}"
        );
        assert!(links.contains("<a href=\"/prune?page=11\">1,001 to 1,050</a>"));
        assert_eq!(Part::new(None, 100).links("/prune?").into_string(), "");
    }
}
