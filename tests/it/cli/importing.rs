//! `postrider event-types import`: the catalogue, by one command.

use anyhow::{Context as _, Result};
use postrider_local::paths;
use postrider_tests::world;
use serde_json::Value;

#[tokio::test]
async fn the_catalogue_is_imported_by_one_command_and_a_second_time_changes_nothing() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-import").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let folder = std::fs::read_dir(paths::workspace().join("events/catalogue"))?;
    let files = folder.map(|entry| Ok(entry?.path().to_str().context("a path")?.to_owned()));
    let files: Vec<String> = files.collect::<Result<_>>()?;
    let files: Vec<&str> = files.iter().map(String::as_str).filter(|file| file.ends_with(".openapi.json")).collect();
    let import = [&["event-types", "import", "--json"], &files[..]].concat();
    let count =
        |lines: &[Value]| lines.iter().filter_map(|line| Some(line["modified"].as_array()?.len())).sum::<usize>();

    let dry = count(&cli.done(&[&import[..], &["--dry-run"]].concat()).await?.lines()?);
    assert!(dry >= files.len() && tenant.svix.event_type().list(None).await?.data.is_empty(), "{dry}");
    assert_eq!(count(&cli.done(&import).await?.lines()?), dry);
    assert!(!tenant.svix.event_type().list(None).await?.data.is_empty());
    assert_eq!(count(&cli.done(&import).await?.lines()?), 0);

    let none = cli.run(&["event-types", "import", "/no/such/file"]).await?;
    assert_eq!(none.code, 2, "{none:?}");
    let other = cli.clone().stdin(b"openapi: 3.1.0").run(&["event-types", "import", "-"]).await?;
    assert!(other.code == 1 && other.err.contains("(422)"), "{other:?}");
    Ok(())
}
