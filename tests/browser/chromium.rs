//! A headless Chromium, told what to do over a pipe in its DevTools protocol.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Its messages go by the file handles 3 and 4: here those of a child's input and output.
const LAUNCH: &str = "exec 3<&0 4>&1 </dev/null >/dev/null 2>&1; exec chromium \"$@\"";

/// A browser with one page open; ends with the test.
pub struct Chromium {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    last_id: u64,
    /// Addresses that the page asked for.
    pub asked: Vec<String>,
    /// What it complained of.
    pub complaints: Vec<String>,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Chromium {
    /// Starts it; `None` where there is none.
    pub fn start(folder: &Path) -> Option<Self> {
        let found = Command::new("chromium").arg("--version").output().ok()?;
        found.status.success().then_some(())?;
        let profile = format!("--user-data-dir={}", folder.display());
        let mut process = Command::new("sh")
            .args([
                "-c",
                LAUNCH,
                "sh",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .args(["--remote-debugging-pipe", &profile, "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = process.stdin.take().expect("its input");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let mut chromium = Self {
            process,
            input,
            output,
            session: None,
            last_id: 0,
            asked: vec![],
            complaints: vec![],
        };
        let page = chromium.call("Target.createTarget", json!({ "url": "about:blank" }));
        let wanted = json!({ "targetId": page["targetId"], "flatten": true });
        let session = chromium.call("Target.attachToTarget", wanted);
        chromium.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            chromium.call(&format!("{domain}.enable"), json!({}));
        }
        Some(chromium)
    }

    /// Has something done, and waits for what comes of it.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input
            .write_all(format!("{message}\0").as_bytes())
            .expect("it listens");
        loop {
            let mut said = self.hear();
            if said["id"] == id {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].take();
            }
        }
    }

    /// The next message; what a page does and complains of is noted.
    fn hear(&mut self) -> Value {
        let mut bytes = vec![];
        self.output.read_until(0, &mut bytes).expect("it speaks");
        assert_eq!(bytes.pop(), Some(0), "chromium has ended");
        let said: Value = serde_json::from_slice(&bytes).expect("JSON");
        let params = &said["params"];
        match said["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                self.asked.push(url.to_owned());
            }
            Some("Log.entryAdded" | "Runtime.consoleAPICalled" | "Runtime.exceptionThrown") => {
                self.complaints.push(params.to_string());
            }
            _ => {}
        }
        said
    }

    /// Shows a page, and waits until all of it is there.
    pub fn show(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        while self.hear()["method"] != "Page.loadEventFired" {}
    }

    /// Does what leads to another page, and waits until all of it is there.
    pub fn follow(&mut self, expression: &str) {
        self.value(expression);
        while self.hear()["method"] != "Page.loadEventFired" {}
    }

    /// What an expression comes to on the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut said = self.call("Runtime.evaluate", asked);
        assert!(said["exceptionDetails"].is_null(), "{said}");
        said["result"]["value"].take()
    }

    /// How long after the page was asked for it was answered in full, and first
    /// painted, in ms.
    pub fn times_ms(&mut self) -> (f64, f64) {
        // The first paint may be told before the one with content.
        let painted = "new Promise(done => new PerformanceObserver(list => { \
            const [painted] = list.getEntriesByName('first-contentful-paint'); \
            const [asked] = performance.getEntriesByType('navigation'); \
            if (painted) done([asked.responseEnd, painted.startTime]); })\
            .observe({ type: 'paint', buffered: true }))";
        let times = self.value(painted);
        let [answered, painted] = [0, 1].map(|at| times[at].as_f64().expect("a time"));
        (answered, painted)
    }

    /// The window's size, and whether it is dark.
    pub fn look(&mut self, width: u32, height: u32, dark: bool) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let what = json!({ "type": kind, "key": key, "code": key,
                "windowsVirtualKeyCode": code, "text": if key == "Enter" { "\r" } else { "" } });
            self.call("Input.dispatchKeyEvent", what);
        }
    }

    /// A picture of the window, as PNG in base64.
    pub fn picture(&mut self) -> String {
        let mut said = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        match said["data"].take() {
            Value::String(data) => data,
            other => unreachable!("no picture: {other}"),
        }
    }
}
