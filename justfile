# The project's commands; `just` lists them.

_default:
    @just --list

# Everything that must pass
ci:
    .ci/run

# All tests
test:
    cargo test --workspace

# The engine's laws, over many more stories than the tests tell, and other ones
laws cases="2000" seed=`date +%s`:
    PROPTEST_CASES={{cases}} PROPTEST_RNG_SEED={{seed}} cargo test --release -p sweetspot-core --test laws

# The operator's program, without the laboratory
lean:
    cargo build --release --no-default-features

# A month of the demo
demo:
    cargo run --release -- demo --days 30

# Pictures of the page over the demo, into docs/img
screenshots:
    deploy/screenshots

# The gRPC code from proto/
generate:
    GENERATE=1 cargo test -p sweetspot-lnd --test generated

# Which changes to what decides no unit test would notice (needs cargo-mutants)
mutants:
    cargo mutants -p sweetspot-core

# What is released, into dist/ (static binary, Debian package, checksums)
release:
    deploy/release
