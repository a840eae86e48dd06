//! Prints the API's OpenAPI document: `cargo run -p postrider-api --example openapi`.

#![expect(clippy::print_stdout, reason = "a command speaks to its user")]

fn main() {
    println!("{:#}", postrider_api::openapi());
}
