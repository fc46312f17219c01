//! Work that takes long, off the threads that serve everything else.

use super::fault::Fault;

/// What `work` comes to, on a thread for such work: a day of a hub's decisions takes
/// tens of milliseconds to unfold, in which the next read may go on.
pub(super) async fn aside<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::unreadable(what, error))
}
