//! The examples of `infra/cli/README.md`, run one after the other in a folder that has the files they name.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use postrider_local::paths;
use postrider_tests::{Cli, PATIENCE, Running, Stack, Tenant, cli_folder, world};
use serde_json::json;
use svix::models::{EndpointIn, MessageStatus};

use super::verifying::captured;

/// A fenced block.
struct Example {
    stays: bool,
    text: String,
}

fn examples(readme: &str) -> Vec<Example> {
    let fenced = readme.split("\n```").enumerate().filter(|(number, _)| number % 2 == 1).map(|(_, fenced)| fenced);
    let split = fenced.filter_map(|fenced| fenced.split_once('\n'));
    let shell = split.filter(|(info, _)| *info == "sh" || *info == "sh stays");
    shell.map(|(info, text)| Example { stays: info != "sh", text: text.to_owned() }).collect()
}

/// Files that examples read, and variables that they use.
async fn prepared(stack: &Stack, tenant: &Tenant, folder: &Path) -> Result<Cli> {
    std::fs::create_dir_all(folder)?;
    let named = tenant.api.patch(&format!("/app/{}", tenant.app), &json!({"uid": "acme"})).await?;
    ensure!(named.status == 200, "{}", named.text);
    let shop = EndpointIn { uid: Some("shop".to_owned()), ..EndpointIn::new(tenant.receiver.url("/hook")) };
    let endpoint = tenant.endpoint_with(shop).await?.id;
    let kind =
        tenant.api.post("/event-type", &json!({"name": "order.paid", "description": "An order is paid"})).await?;
    ensure!(kind.status == 201, "{}", kind.text);
    let message = tenant.publish("order.paid", json!({"order": 0})).await?;
    tenant.reached(&message.id, &endpoint, MessageStatus::Success).await?;
    let request = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?.remove(0);
    let output = |name: &str| Ok(json!({ "OutputKey": name, "OutputValue": stack.output(name)? }));
    let outputs = ["DeadLetterQueueUrl", "DeliveryQueueUrl", "JobDeadLetterQueueUrl", "JobQueueUrl"].map(output);
    let outputs: Vec<_> = outputs.into_iter().collect::<Result<_>>()?;
    std::fs::write(folder.join("captured.http"), captured(&request))?;
    std::fs::write(folder.join("order.json"), r#"{"order": 2}"#)?;
    std::fs::write(folder.join("body.json"), r#"{"test": 2432232314}"#)?;
    std::fs::write(folder.join("stack.json"), json!({ "Stacks": [{ "Outputs": outputs }] }).to_string())?;
    std::os::unix::fs::symlink(paths::workspace().join("events"), folder.join("events"))?;
    let cli = stack.cli(&stack.token(&tenant.org, None)).with_aws();
    Ok(cli
        .with("PATH", format!("{}:/usr/bin:/bin", cli_folder()?.display()))
        .with("USER", "reader")
        .with("SECRET", tenant.secret("shop").await?)
        .with("POSTRIDER_KEYRING", stack.output("KeyringArn")?)
        .with("POSTRIDER_QUEUE_URL", stack.output("DeliveryQueueUrl")?)
        .with("POSTRIDER_DEAD_LETTER_QUEUE_URL", stack.output("DeadLetterQueueUrl")?))
}

fn shell(cli: &Cli, folder: &Path, text: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", text]).current_dir(folder);
    shell.env_clear().envs(cli.variables().iter().cloned()).stdin(Stdio::null());
    shell
}

async fn ends(mut command: Command, text: &str) -> Result<()> {
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "{text}\n{output:?}");
    Ok(())
}

async fn stays(command: Command, text: &str) -> Result<()> {
    let mut running = Running::new(command)?;
    running.begun().await.with_context(|| text.to_owned())?;
    running.signal("INT")?;
    let (code, said) = running.ended().await?;
    ensure!(code == Some(0), "{text}\n{code:?}: {said}");
    Ok(())
}

#[tokio::test]
async fn every_example_of_the_readme_works() -> Result<()> {
    let stack = world().stack("cli-readme", &[("RetrySchedule", "")]).await?;
    let tenant = stack.tenant("cli-readme").await?;
    let folder: PathBuf = world().emulator.dir().join("tmp/cli-readme");
    let cli = prepared(&stack, &tenant, &folder).await?;
    let readme = std::fs::read_to_string(paths::workspace().join("infra/cli/README.md")).context("the README")?;
    let all = examples(&readme);
    assert!(all.len() >= 12, "{}", all.len());
    for Example { stays: does_stay, text } in all {
        let text = text.replace("http://localhost:3000/webhooks", &tenant.receiver.url("/local"));
        let command = shell(&cli, &folder, &text);
        if does_stay { stays(command, &text).await? } else { ends(command, &text).await? }
    }
    Ok(())
}
