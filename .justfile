# What developers type. Everything here is also a plain command in the README or in .ci/run.

default:
    @just --list

# Postrider on this machine, until Ctrl-C.
up *args:
    cargo run -- {{args}}

# All tests; the end-to-end ones bring up their own local AWS.
test *args:
    cargo test --workspace {{args}}

# What CI does.
ci:
    bash .ci/run

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings
