//! The documents: their links lead somewhere, the commands and calls that they name exist, and what the guides tell to run
//! works.

mod programs;

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use postrider_local::paths;
use postrider_tests::{PATIENCE, Stack, Tenant, cli_folder, verify, world};
use serde_json::{Value, json};

const GUIDES: &str = "infra/guides";

/// Besides the guides.
const DOCUMENTS: [&str; 10] = [
    "README.md",
    "SECURITY.md",
    "events/catalogue/README.md",
    "functions/api/README.md",
    "functions/delivery/README.md",
    "functions/ingest/README.md",
    "functions/scheduler/README.md",
    "infra/cdk/README.md",
    "infra/cli/README.md",
    "infra/on-aws.md",
];

/// All that are looked at, by their paths in the repository.
fn documents() -> Result<Vec<(String, String)>> {
    let mut names: Vec<_> = DOCUMENTS.iter().map(|name| (*name).to_owned()).collect();
    for entry in std::fs::read_dir(paths::workspace().join(GUIDES))? {
        names.push(format!("{GUIDES}/{}", entry?.file_name().to_string_lossy()));
    }
    names.into_iter().map(|name| read(&name).map(|text| (name, text))).collect()
}

fn read(name: &str) -> Result<String> {
    std::fs::read_to_string(paths::workspace().join(name)).with_context(|| name.to_owned())
}

/// The fenced blocks, each with what is told about it.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'))
}

/// The text without them.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// A heading as links name it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn leads_somewhere(document: &Path, link: &str) -> bool {
    let (path, place) = link.split_once('#').unwrap_or((link, ""));
    let folder = document.parent().unwrap_or(document);
    let target = if path.is_empty() { document.to_path_buf() } else { folder.join(path) };
    if place.is_empty() {
        return target.exists();
    }
    let text = std::fs::read_to_string(&target).unwrap_or_default();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|line| anchor(line.trim_start_matches('#')) == place)
}

#[tokio::test]
async fn the_readme_lists_every_parameter_with_its_default() -> Result<()> {
    let readme = std::fs::read_to_string(paths::workspace().join("README.md"))?;
    let template = world().emulator.template().await?;
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let rows: Vec<_> = rows.filter_map(|(names, rest)| Some((names, rest.split_once(" | ")?.0))).collect();
    for (name, parameter) in template["Parameters"].as_object().context("parameters")? {
        let is = |listed: &str| listed == name || listed.strip_prefix('*').is_some_and(|end| name.ends_with(end));
        let listed = rows.iter().find(|(names, _)| names.split(", ").any(|listed| is(listed.trim_matches('`'))));
        let (_, default) = listed.with_context(|| format!("{name} is not in the README"))?;
        let of_template = match &parameter["Default"] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let in_words = matches!(*default, "none" | "all" | "see template" | "the API itself");
        assert!(in_words || default.trim_matches('`') == of_template, "{name}: {default} and {of_template}");
        assert!(!in_words || *default == "see template" || of_template.is_empty() || of_template == "None", "{name}");
    }
    Ok(())
}

#[test]
fn links_lead_somewhere() -> Result<()> {
    let mut astray = Vec::new();
    for (name, text) in documents()? {
        let document = paths::workspace().join(&name);
        let prose = prose(&text);
        let links = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        let ours = links.filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
        astray.extend(ours.filter(|link| !leads_somewhere(&document, link)).map(|link| format!("{name}: {link}")));
    }
    assert!(astray.is_empty(), "{astray:#?}");
    Ok(())
}

/// The commands of an enum of the command line, in lower case and without hyphens.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let Some((_, rest)) = source.split_once(&format!("\nenum {name} {{\n")) else { return BTreeSet::new() };
    let body = rest.split_once("\n}").map_or(rest, |(body, _)| body);
    let inner = body.lines().filter_map(|line| line.strip_prefix("    "));
    let named = inner.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    let found = named.filter_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()).next());
    found.map(str::to_lowercase).collect()
}

/// What follows `postrider` in blocks for a shell and in code within sentences.
fn commands(text: &str) -> Vec<String> {
    let shell = blocks(text).filter(|(about, _)| about.starts_with("sh")).flat_map(|(_, block)| block.lines());
    let mut commands: Vec<_> = shell.filter_map(|line| line.strip_prefix("postrider ")).map(str::to_owned).collect();
    let prose = prose(text);
    let code = prose.split('`').skip(1).step_by(2);
    commands.extend(code.filter_map(|code| code.strip_prefix("postrider ")).map(str::to_owned));
    commands
}

/// Whether the command line has this command, and what it is to do if it does several things.
fn is_command(command: &str) -> bool {
    let source = |path: String| std::fs::read_to_string(paths::workspace().join("infra/cli/src").join(path));
    let mut words = command.split_whitespace();
    let name = words.next().unwrap_or_default();
    let all = source("main.rs".to_owned()).map(|main| variants(&main, "Command")).unwrap_or_default();
    if !all.contains(&name.replace('-', "")) {
        return false;
    }
    let file = name.replace('-', "_");
    let of_command = source(format!("{file}.rs")).or_else(|_| source(format!("{file}/mod.rs"))).unwrap_or_default();
    let things = variants(&of_command, "What");
    words.next().is_none_or(|thing| things.is_empty() || things.contains(&thing.replace('-', "")))
}

#[test]
fn commands_exist() -> Result<()> {
    let mut named = 0;
    for (name, text) in documents()? {
        for command in commands(&text) {
            assert!(is_command(&command), "{name}: postrider {command}");
            named += 1;
        }
    }
    assert!(named >= 20, "{named}");
    Ok(())
}

/// What comes before white space, a quote, a query, or the end of code.
fn path_of(text: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || ['"', '\'', '?', '`', ')'].contains(&c);
    text.split(ends).next().unwrap_or_default()
}

fn method_of(line: &str) -> &str {
    let given = line.split_once("-X ").and_then(|(_, rest)| rest.split_whitespace().next());
    given.unwrap_or(if line.contains(" -d ") || line.contains(" --data") { "POST" } else { "GET" })
}

/// The calls of the API that a document names: methods and paths.
fn calls(text: &str) -> Vec<(String, String)> {
    let mut calls = Vec::new();
    for (_, block) in blocks(text) {
        for line in block.replace("\\\n", " ").lines() {
            let paths = line.split("$POSTRIDER_URL").skip(1).map(path_of).filter(|path| path.starts_with('/'));
            calls.extend(paths.map(|path| (method_of(line).to_owned(), path.to_owned())));
        }
    }
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let call = format!("{method} /");
        let paths = text.split(&call).skip(1).map(path_of);
        let ours = paths.filter(|path| path.starts_with("api/") || path.starts_with("in/"));
        calls.extend(ours.map(|path| (method.to_owned(), format!("/{path}"))));
    }
    calls
}

fn fits(template: &str, path: &str) -> bool {
    let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fit = |(wanted, given): (&&str, &&str)| wanted == given || (wanted.starts_with('{') && !given.is_empty());
    wanted.len() == given.len() && wanted.iter().zip(&given).all(fit)
}

#[test]
fn calls_are_in_the_openapi_document() -> Result<()> {
    let openapi: Value = postrider_api::openapi();
    let paths = openapi["paths"].as_object().context("paths")?;
    let mut named = 0;
    for (name, text) in documents()? {
        for (method, path) in calls(&text) {
            let verb = method.to_lowercase();
            let known = paths.iter().any(|(template, of)| fits(template, &path) && of.get(&verb).is_some());
            assert!(known, "{name}: {method} {path}");
            named += 1;
        }
    }
    assert!(named >= 30, "{named}");
    Ok(())
}

/// What a guide tells to run on a deployment that is up: without AWS, without what the reader fills in, and without
/// requests that were captured.
fn script(guide: &str) -> String {
    let shell = blocks(guide).filter(|(about, _)| *about == "sh").map(|(_, block)| block);
    let calls = shell.filter(|block| block.contains("$POSTRIDER_URL") || block.starts_with("postrider "));
    let here = calls.filter(|block| !["aws ", "<", "captured.http"].iter().any(|other| block.contains(other)));
    here.collect::<Vec<_>>().join("\n").replace("curl -sS ", "curl -sS --fail-with-body --retry 5 ")
}

/// These begin with nothing.
const FROM_NOTHING: [&str; 2] = ["first-webhook.md", "migrating-from-svix.md"];

/// What the other guides take for granted: an application, an endpoint, two messages.
async fn prepare(tenant: &Tenant, guide: &str) -> Result<()> {
    let named = tenant.api.patch(&format!("/app/{}", tenant.app), &json!({"uid": "acme"})).await?;
    ensure!(named.status == 200, "{}", named.text);
    // Only what waits can be canceled.
    let paused = guide == "recovery.md";
    tenant.endpoint_of("/webhooks", json!({"uid": "shop", "delivery": {"paused": paused}})).await?;
    for event in ["order-1-paid", "order-2-paid"] {
        let message = json!({"eventType": "order.paid", "eventId": event, "payload": {"order": 1}});
        let published = tenant.api.post("/app/acme/msg", &message).await?;
        ensure!(published.status == 202, "{}", published.text);
    }
    Ok(())
}

/// Runs what a guide tells to run, in an organization of its own.
async fn follow(stack: &Stack, guide: &str) -> Result<Tenant> {
    let tenant = stack.tenant("docs").await?;
    if !FROM_NOTHING.contains(&guide) {
        prepare(&tenant, guide).await?;
    }
    let script = script(&read(&format!("{GUIDES}/{guide}"))?);
    ensure!(!script.is_empty(), "{guide} tells nothing to run");
    // As the README defines it.
    let api = r#"api() { curl -sS --fail-with-body --retry 5 -H "Authorization: Bearer $POSTRIDER_TOKEN" -H 'Content-Type: application/json' "$@"; }"#;
    let script = format!("{api}\n{script}");
    let script = script.replace("http://127.0.0.1:9000/webhooks", &tenant.receiver.url("/webhooks"));
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &script]).env_clear().envs(cli.variables().iter().cloned());
    shell.env("PATH", format!("{}:/usr/bin:/bin", cli_folder()?.display())).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || shell.output()).await??;
    ensure!(output.status.success(), "{guide}\n{script}\n{output:?}");
    Ok(tenant)
}

#[tokio::test]
async fn the_first_webhook_arrives_and_verifies_as_its_guide_says() -> Result<()> {
    let stack = world().main().await?;
    let tenant = follow(&stack, "first-webhook.md").await?;
    let received = tenant.receiver.wait_for("/webhooks", 1, PATIENCE).await?;
    let secret = tenant.api.get("/app/acme/endpoint/shop/secret").await?.json();
    verify(secret["key"].as_str().context("a key")?, &received[0])?;
    let event: Value = serde_json::from_slice(&received[0].body)?;
    assert_eq!(event, json!({"order": 1, "total": 2000}));
    assert_eq!(received[0].header("webhook-event-type"), Some("order.paid"));
    Ok(())
}

#[tokio::test]
async fn what_the_other_guides_tell_to_run_works() -> Result<()> {
    let stack = world().main().await?;
    for guide in [
        "inputs.md",
        "migrating-from-svix.md",
        "recovery.md",
        "security-model.md",
        "troubleshooting.md",
        "verifying.md",
    ] {
        follow(&stack, guide).await?;
    }
    Ok(())
}
