//! How numbers are written for people: one form everywhere, in tables, logs and
//! error texts. JSON carries the plain numbers.

use super::time::MINUTES_PER_DAY;

/// Days in a week.
const DAYS_PER_WEEK: f64 = 7.0;

/// A whole number with a comma between thousands: `12,345,678`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 day`, `1,200 days`. What it counts is named in the
/// singular, and takes an s.
pub fn counted(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(number))
}

/// The same as [`grouped`] for a number that may be below zero.
pub fn grouped_signed(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

/// A number with two decimals and its thousands grouped: `1,234.56`.
pub fn decimal(number: f64) -> String {
    let text = format!("{:.2}", number.abs());
    let Some((whole, decimals)) = text.split_once('.') else {
        return number.to_string();
    };
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    let negative = number < 0.0 && text != "0.00";
    format!("{}{whole}.{decimals}", if negative { "-" } else { "" })
}

/// The same, with a sign above zero too: `+1,234.56`.
pub fn decimal_change(number: f64) -> String {
    let text = decimal(number);
    match text.starts_with('-') {
        true => text,
        false => format!("+{text}"),
    }
}

/// A relative change: `+38%`, `-3.8%`, `+0.37%`, `0%`. Small ones keep two
/// digits, for under the classic strategy they add up.
pub fn change(share: f64) -> String {
    let percent = share * 100.0;
    let text = match percent.abs() {
        size if size < 0.005 => return "0%".to_owned(),
        size if size < 0.995 => format!("{percent:+.2}"),
        size if size < 9.95 => format!("{percent:+.1}"),
        _ => whole(decimal_change(percent.round())),
    };
    format!("{text}%")
}

/// Forwards per minute (tpm) and what is usual, as forwards per day, or per
/// week where both are fewer than one a day: `["2.9/week", "3/week"]`.
pub fn demand(tpm: f64, usual_tpm: f64) -> [String; 2] {
    let per_day = [tpm, usual_tpm].map(|tpm| tpm * MINUTES_PER_DAY);
    let (factor, unit) = match per_day.iter().any(|rate| *rate >= 1.0) {
        true => (1.0, "day"),
        false => (DAYS_PER_WEEK, "week"),
    };
    per_day.map(|rate| format!("{}/{unit}", two_digits(rate * factor)))
}

/// Forwards per minute (tpm) as forwards per day, or per week where that is
/// fewer than one a day.
pub fn rate(tpm: f64) -> String {
    let [text, _] = demand(tpm, tpm);
    text
}

/// A rounded number without its decimals.
fn whole(text: String) -> String {
    text.trim_end_matches(".00").to_owned()
}

/// At least two significant digits, and no more than two decimals.
fn two_digits(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        n if n < 0.005 => "<0.01".to_owned(),
        n if n < 0.995 => format!("{n:.2}"),
        n if n < 9.95 => format!("{n:.1}"),
        n => whole(decimal(n.round())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_by_commas() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(grouped_signed(-1_500), "-1,500");
        assert_eq!(grouped_signed(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn one_is_no_plural() {
        let told = [0, 1, 2, 1_200].map(|n| counted(n, "day"));
        assert_eq!(told, ["0 days", "1 day", "2 days", "1,200 days"]);
    }

    #[test]
    fn decimals_group_their_whole_part() {
        assert_eq!(decimal(1_234.564), "1,234.56");
        assert_eq!(decimal(f64::INFINITY), "inf");
        let shown = [-0.001, 0.0, 12.3, -1_000.0].map(decimal_change);
        assert_eq!(shown, ["+0.00", "+0.00", "+12.30", "-1,000.00"]);
    }

    #[test]
    fn a_change_has_as_many_digits_as_it_needs() {
        let shown = [
            0.377, 22.34, -0.038, 0.0037, -0.000_01, -0.0, 0.0995, 0.00997,
        ]
        .map(change);
        let expected = [
            "+38%", "+2,234%", "-3.8%", "+0.37%", "0%", "0%", "+10%", "+1.0%",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_rate_is_per_day_or_per_week_and_two_that_are_compared_share_the_unit() {
        assert_eq!(demand(0.000_29, 0.000_30), ["2.9/week", "3.0/week"]);
        assert_eq!(demand(0.000_29, 0.01), ["0.42/day", "14/day"]);
        assert_eq!(rate(0.0), "0/week");
        assert_eq!(rate(0.000_000_1), "<0.01/week");
        assert_eq!(rate(1.0), "1,440/day");
    }
}
