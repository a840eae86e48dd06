//! `cargo run -- token` is the command line's `postrider token`.

use std::process::Command;

use anyhow::Result;

#[test]
fn tokens_are_minted_by_the_command_line() -> Result<()> {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_postrider-local"))
            .arg("token")
            .args(arguments)
            .env_clear()
            .envs(
                // Cargo needs them to build.
                ["PATH", "HOME", "CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .output()
    };
    let help = run(&["--help"])?;
    assert!(help.status.success(), "{help:?}");
    assert!(String::from_utf8(help.stdout)?.contains("Usage: postrider token"));
    let usage = run(&["--org", "acme", "--keyring", "any"])?;
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
    assert!(String::from_utf8(usage.stderr)?.contains("--org"));
    Ok(())
}
