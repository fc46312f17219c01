//! Which settings hold for which channel at which moment.
