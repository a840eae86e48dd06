//! `postrider token` and `postrider send`, and how a command says that it has not done what it was asked for.

use anyhow::{Context as _, Result};
use postrider_tests::{Cli, PATIENCE, Stack, world};
use serde_json::json;

#[tokio::test]
async fn a_minted_token_opens_the_api_to_an_organization_or_to_one_application() -> Result<()> {
    let stack = world().main().await?;
    let operator = Cli::default().with_aws().with("POSTRIDER_KEYRING", stack.output("KeyringArn")?);
    let token = operator.done(&["token", "--org", "org_cli-mint", "--days", "1"]).await?.out;
    let reply = stack.api(token.trim()).post("/app", &json!({"name": "Minted"})).await?;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let app = reply.json()["id"].as_str().context("an id")?.to_owned();

    let minted = operator.done(&["token", "--org", "org_cli-mint", "--app", &app, "--json"]).await?.json()?;
    let narrow = stack.api(minted["token"].as_str().context("a token")?);
    assert_eq!(narrow.get(&format!("/app/{app}")).await?.status, 200);
    assert_eq!(narrow.get("/app").await?.status, 403);

    let other = operator.run(&["token", "--org", "acme"]).await?;
    assert_eq!(other.code, 2, "{other:?}");
    let none = operator.clone().with("POSTRIDER_KEYRING", "no-such-secret").run(&["token", "--org", "org_a"]).await?;
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.err.contains("no-such-secret cannot be read"), "{none:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_sent_arrives_byte_for_byte_from_the_command_line_a_file_and_standard_input() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-send").await?;
    tenant.endpoint("/hook").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let payload = r#"{ "total":1.50,  "b":"ü" }"#;
    let file = world().emulator.dir().join("cli-send.json");
    std::fs::write(&file, payload)?;
    let file = file.to_str().context("a path")?;

    cli.done(&["send", &tenant.app, "order.paid", "--payload", payload]).await?;
    cli.done(&["send", &tenant.app, "order.paid", "--file", file]).await?;
    cli.clone().stdin(payload.as_bytes()).done(&["send", &tenant.app, "order.paid", "-"]).await?;
    let received = tenant.receiver.wait_for("/hook", 3, PATIENCE).await?;
    assert!(received.iter().all(|request| request.body == payload), "{received:?}");

    let said =
        cli.done(&["send", &tenant.app, "order.paid", "--json", "--event-id", "e", "--channel", "c"]).await?.json()?;
    assert_eq!((&said["eventId"], &said["channels"], &said["payload"]), (&json!("e"), &json!(["c"]), &json!({})));
    Ok(())
}

#[tokio::test]
async fn several_are_sent_in_order_and_repeating_the_command_with_its_key_sends_none_again() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-count").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let send = ["send", &tenant.app, "tick", "--count", "3", "--idempotency-key", "ticks", "--json"];
    let first: Vec<_> = cli.done(&send).await?.lines()?.iter().map(|message| message["id"].clone()).collect();
    let again: Vec<_> = cli.done(&send).await?.lines()?.iter().map(|message| message["id"].clone()).collect();
    assert_eq!((first.len(), &first), (3, &again));
    assert!(first.is_sorted_by(|a, b| a.as_str() < b.as_str()), "{first:?}");
    let words = cli.done(&["send", &tenant.app, "tick", "--count", "2"]).await?;
    assert_eq!(words.out.matches("✔ msg_").count(), 2, "{words:?}");
    assert!(words.err.contains("2 published in") && !words.out.contains('\u{1b}'), "{words:?}");
    Ok(())
}

/// A command that fails, its exit code, and what it says.
async fn fails(cli: &Cli, arguments: &[&str], code: i32, says: &[&str]) -> Result<()> {
    let said = cli.run(arguments).await?;
    assert_eq!((said.code, said.out.as_str()), (code, ""), "{arguments:?}: {said:?}");
    assert!(says.iter().all(|text| said.err.contains(text)), "{arguments:?}: {said:?}");
    Ok(())
}

fn good_and_bad(stack: &Stack) -> (Cli, Cli) {
    (stack.cli(&stack.token("org_cli-failures", None)), stack.cli("super-secret-nonsense"))
}

#[tokio::test]
async fn failures_have_exit_codes_and_say_what_to_do() -> Result<()> {
    let stack = world().main().await?;
    let (good, bad) = good_and_bad(&stack);
    let send = ["send", "acme", "order.paid"];
    fails(&bad, &send, 1, &["(401)", "hint: Mint a token", "postrider token --org"]).await?;
    fails(&good, &send, 1, &["POST /api/v1/app/acme/msg was refused (404)", "hint: Check the names"]).await?;
    let long = [&send[..], &["--channel", "not a channel"]].concat();
    let tenant = stack.tenant("cli-failures").await?;
    let own = stack.cli(&stack.token(&tenant.org, None));
    fails(&own, &[&["send", &tenant.app], &long[2..]].concat(), 1, &["(422)", "channels"]).await?;
    fails(&good, &[&send[..], &["--payload", "{"]].concat(), 2, &["the payload is not JSON"]).await?;
    fails(&good, &[&send[..], &["--file", "/no/such/file"]].concat(), 2, &["/no/such/file cannot be read"]).await?;
    fails(&good, &["send"], 2, &["Usage: postrider send"]).await?;
    fails(&Cli::default(), &send, 2, &["POSTRIDER_TOKEN"]).await?;
    fails(&Cli::default().with("POSTRIDER_TOKEN", "t"), &send, 2, &["POSTRIDER_URL"]).await?;
    let nobody = good.with("POSTRIDER_URL", "http://127.0.0.1:1");
    fails(&nobody, &send, 3, &["http://127.0.0.1:1/ cannot be reached", "hint: Check --url"]).await?;

    let said = bad.run(&[&send[..], &["--json"]].concat()).await?;
    let error: serde_json::Value = serde_json::from_str(&said.err)?;
    assert_eq!((said.code, &error["error"], &error["status"]), (1, &json!("refused"), &json!(401)), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_is_never_shown() -> Result<()> {
    let stack = world().main().await?;
    let (_, bad) = good_and_bad(&stack);
    for arguments in
        [&["send", "acme", "a"][..], &["send", "--help"], &["tail", "acme"], &["send", "acme", "a", "--json"]]
    {
        let said = bad.run(arguments).await?;
        assert!(!format!("{said:?}").contains("super-secret-nonsense"), "{said:?}");
    }
    Ok(())
}

#[tokio::test]
async fn every_shell_gets_its_completions() -> Result<()> {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Cli::default().done(&["completions", shell]).await?.out;
        assert!(script.contains("idempotency-key") && script.contains("redrive"), "{shell}: {script}");
    }
    Ok(())
}
