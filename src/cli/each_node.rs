//! What a command answers of each node of the config, and of all together.

use serde::Serialize;

use super::Failure;
use super::output::{json_text, print};
use crate::config::SettingsFile;
use crate::json::SCHEMA;

/// The answer for one node.
pub struct OfNode<T> {
    /// What the operator calls it; empty for `[node]`.
    pub name: String,
    /// What was found, or why nothing was.
    pub found: Result<T, Failure>,
}

/// Asks for each node in turn; one that cannot be told of keeps no other from it.
pub async fn ask<T>(
    files: &[SettingsFile],
    ask: impl AsyncFn(&SettingsFile) -> Result<T, Failure>,
) -> Vec<OfNode<T>> {
    let mut answers = vec![];
    for file in files {
        answers.push(OfNode {
            name: file.node().unwrap_or_default().to_owned(),
            found: ask(file).await,
        });
    }
    answers
}

/// The sum over all nodes; `None` unless each could be told of.
pub fn sum<T, S: Default>(answers: &[OfNode<T>], add: impl Fn(S, &T) -> S) -> Option<S> {
    let found = answers.iter().map(|answer| answer.found.as_ref().ok());
    let mut sum = S::default();
    for one in found {
        sum = add(sum, one?);
    }
    Some(sum)
}

/// All answers below each other, each under its node's name.
pub fn text<T>(answers: &[OfNode<T>], render: impl Fn(&T) -> String, together: &str) -> String {
    let mut parts = vec![];
    for answer in answers {
        let said = match &answer.found {
            Ok(found) => render(found),
            Err(failure) => failure.to_string(),
        };
        parts.push(format!("== {} ==\n{}\n", answer.name, said.trim_end()));
    }
    parts.push(format!("== together ==\n{together}"));
    parts.join("\n")
}

/// What is said where a sum would leave a node out.
pub const NOT_KNOWN: &str = "not known: one of the nodes could not be read";

#[derive(Serialize)]
struct Nodes<'a, T, S> {
    schema: u32,
    nodes: Vec<Node<'a, T>>,
    together: Option<S>,
}

#[derive(Serialize)]
struct Node<'a, T> {
    name: &'a str,
    error: Option<String>,
    result: Option<&'a T>,
}

/// The same as JSON.
pub fn json<T: Serialize>(
    answers: &[OfNode<T>],
    together: Option<impl Serialize>,
) -> Result<String, Failure> {
    let nodes = answers.iter().map(|answer| Node {
        name: &answer.name,
        error: answer.found.as_ref().err().map(ToString::to_string),
        result: answer.found.as_ref().ok(),
    });
    json_text(&Nodes {
        schema: SCHEMA,
        nodes: nodes.collect(),
        together,
    })
}

/// Ends a command that has told all it could: the first failure is its exit code.
pub fn end<T>(answers: Vec<OfNode<T>>) -> Result<(), Failure> {
    let failed = answers.into_iter().find_map(|answer| answer.found.err());
    failed.map_or(Ok(()), Err)
}

/// Runs a command for each node, under its name.
pub async fn run(
    file: &SettingsFile,
    one: impl AsyncFn(&SettingsFile) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let files = file.each()?;
    if let [only] = files.as_slice() {
        return one(only).await;
    }
    let answers = ask(&files, async |file| {
        print(&format!("== {} ==", file.node().unwrap_or_default()));
        let done = one(file).await;
        if let Err(failure) = &done {
            print(&failure.to_string());
        }
        done
    });
    end(answers.await)
}
