//! The pages as one sees them who has logged in, with their forms; and those that only
//! such a one, or one who goes astray, comes to.

use serde_json::json;

use crate::chromium::Chromium;
use crate::{fits, is_harmless, is_painted_soon};

pub const PASSWORD: &str = "correct horse";

/// What is put into a form that must have a value.
const VALUE: u32 = 777;

/// Before the login.
const OUTSIDE: &str = "/login";

/// What a wrong address shows: told, and no worse to read than the rest.
const ASTRAY: [&str; 2] = ["/nowhere", "/channel/1x1x1"];

pub fn of_pages(browser: &mut Chromium, at: &str, paths: &[String]) {
    seen(browser, at, OUTSIDE);
    log_in(browser, at);
    for path in paths {
        let path = path.as_str();
        seen(browser, at, path);
        let logs_out = "document.querySelectorAll('header form').length";
        assert_eq!(browser.value(logs_out), 1, "{path}: not logged in");
    }
    let channel = paths.iter().find(|path| path.starts_with("/channel/"));
    let channel = channel.expect("a channel");
    let forms = "document.querySelectorAll('main form').length";
    for path in ["/", "/rollback", channel] {
        browser.show(&format!("{at}{path}"));
        assert!(browser.value(forms).as_u64() > Some(0), "{path}: no form");
    }
    let pin = "main form:has([value=pin])";
    submit(browser, at, channel, pin, "pin 777 ppm");
    submit(browser, at, "/", "main form:has([value=pause])", "Paused");
    let restore = "main form[method=post]";
    submit(browser, at, "/rollback", restore, "to restore");
    let complaints = browser.complaints.len();
    for path in ASTRAY {
        is_painted_soon(browser, at, path);
        fits(browser, path);
    }
    // The browser itself notes what was not found.
    let noted = browser.complaints.split_off(complaints);
    assert!(noted.iter().all(|it| it.contains("404")), "{noted:?}");
}

fn seen(browser: &mut Chromium, at: &str, path: &str) {
    is_painted_soon(browser, at, path);
    is_harmless(browser, path);
    fits(browser, path);
}

fn log_in(browser: &mut Chromium, at: &str) {
    browser.show(&format!("{at}{OUTSIDE}"));
    let fill = format!(
        "document.querySelector('[type=password]').value = {}",
        json!(PASSWORD)
    );
    browser.value(&fill);
    browser.follow("document.querySelector('main form').submit()");
    assert_eq!(browser.value("location.pathname"), "/", "logged in");
}

/// Sends a form of a page, and shows what is answered.
fn submit(browser: &mut Chromium, at: &str, path: &str, form: &str, told: &str) {
    browser.show(&format!("{at}{path}"));
    let form = format!("document.querySelector({})", json!(form));
    browser.value(&format!(
        "for (const it of {form}.querySelectorAll('[required]')) it.value = {VALUE}"
    ));
    browser.follow(&format!("{form}.submit()"));
    let (answered, painted) = browser.times_ms();
    eprintln!("order from {path}: answered after {answered:.0} ms, painted after {painted:.0}");
    let said = browser.value("document.querySelector('[role=status]').innerText");
    let said = said.as_str().expect("an answer");
    assert!(said.contains(told), "{said}");
    fits(browser, path);
}
