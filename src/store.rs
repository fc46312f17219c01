//! The memory on disk: SQLite behind the `Store` port.
