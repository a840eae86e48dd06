//! `postrider verify`: captured requests of real deliveries.

use anyhow::{Context as _, Result};
use postrider_local::Received;
use postrider_tests::{Cli, PATIENCE, Said, Tenant, world};
use serde_json::{Value, json};

/// A request as a dump of the wire shows it.
pub(super) fn captured(request: &Received) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    [text.as_bytes(), b"\r\n", &request.body].concat()
}

/// A delivered request, and the endpoint.
async fn delivered(tenant: &Tenant, endpoint: Value) -> Result<(Received, String)> {
    let endpoint = tenant.endpoint_of("/hook", endpoint).await?;
    tenant.publish("order.paid", json!({"order": 1, "note": "two words"})).await?;
    let request = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?.remove(0);
    Ok((request, endpoint))
}

async fn verify(cli: &Cli, request: &[u8], arguments: &[&str]) -> Result<Said> {
    cli.clone().stdin(request).run(&[&["verify", "-"], arguments].concat()).await
}

#[tokio::test]
async fn a_delivery_verifies_with_its_secret_and_says_what_is_wrong_when_it_was_changed() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-verify").await?;
    let (request, endpoint) = delivered(&tenant, json!({})).await?;
    let secret = tenant.secret(&endpoint).await?;
    let cli = Cli::default().with("POSTRIDER_SECRET", secret);
    let whole = captured(&request);
    let said = verify(&cli, &whole, &[]).await?;
    assert!(said.code == 0 && said.out.contains("✔ signature  verifies"), "{said:?}");

    let edited = String::from_utf8(whole.clone())?.replace("\"order\":1", "\"order\": 1");
    let said = verify(&cli, edited.as_bytes(), &[]).await?;
    assert!(said.code == 4 && said.out.contains("✘ body") && said.out.contains("written again"), "{said:?}");
    let said = verify(&cli, &whole, &["--secret", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "--json"]).await?;
    let (checks, verified) = (said.json()?, &json!(false));
    assert_eq!((said.code, &checks["verified"]), (4, verified), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn the_api_tells_a_wrong_secret_from_a_changed_body() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-verify-api").await?;
    let (request, endpoint) = delivered(&tenant, json!({"delivery": {"keyType": "ed25519"}})).await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let asking = ["--app", &tenant.app, "--endpoint", &endpoint];
    let whole = captured(&request);
    let said = verify(&cli, &whole, &asking).await?;
    assert!(said.code == 0 && said.out.contains("is the published payload"), "{said:?}");

    let changed = String::from_utf8(whole.clone())?.replace("two words", "two swords");
    let said = verify(&cli, changed.as_bytes(), &asking).await?;
    assert!(said.code == 4 && said.out.contains("is not the published payload: it differs from byte"), "{said:?}");
    let other = ["--secret", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
    let said = verify(&cli, &whole, &[&asking[..], &other].concat()).await?;
    assert!(said.code == 4 && said.out.contains("✘ secret     is not the endpoint's"), "{said:?}");
    assert!(said.out.contains("✔ signature"), "{said:?}");
    Ok(())
}

/// The example of the `Standard Webhooks` libraries' tests, long ago.
#[tokio::test]
async fn headers_may_be_given_one_by_one_and_old_requests_looked_at() -> Result<()> {
    let file = world().emulator.dir().join("cli-verify.json");
    std::fs::write(&file, r#"{"test": 2432232314}"#)?;
    let file = file.to_str().context("a path")?;
    let given = [
        "verify",
        "--secret",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "--id",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "--timestamp",
        "1614265330",
        "--signature",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "--body",
        file,
    ];
    let cli = Cli::default();
    let said = cli.run(&given).await?;
    assert!(said.code == 4 && said.out.contains("✘ timestamp  too old"), "{said:?}");
    assert!(said.out.contains("✔ signature"), "{said:?}");
    cli.done(&[&given[..], &["--any-age"]].concat()).await?;
    let said = cli.run(&["verify", "--body", file]).await?;
    assert_eq!(said.code, 2, "{said:?}");
    let said = cli.run(&[&given[..], &["--secret", "nonsense"]].concat()).await?;
    assert!(said.code == 2 && !said.err.contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "{said:?}");
    Ok(())
}
