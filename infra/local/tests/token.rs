//! `cargo run -- token` is the command line's `postrider token`.

use std::process::Command;

use anyhow::Result;

#[test]
fn tokens_are_minted_by_the_command_line() -> Result<()> {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider-local"));
        command.arg("token").args(arguments).env_remove("POSTRIDER_KEYRING").output()
    };
    let help = run(&["--help"])?;
    assert!(help.status.success(), "{help:?}");
    assert!(String::from_utf8(help.stdout)?.contains("Usage: postrider token"));
    let usage = run(&["--org", "acme", "--keyring", "any"])?;
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
    assert!(String::from_utf8(usage.stderr)?.contains("--org"));
    Ok(())
}
