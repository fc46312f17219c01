//! Targets that change with the moment.
