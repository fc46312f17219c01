//! The settings file: TOML in, validated settings or a list of faults out.
