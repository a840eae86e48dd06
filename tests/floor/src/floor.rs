//! A bare loop with the functions' HTTP client: signs and POSTs the same bytes again and again, ten at once.
//!
//! `floor <url> <secret> <count> <bytes>` prints the CPU time of one request in microseconds.

#![expect(clippy::print_stdout, reason = "a tool, not a function")]

use std::{error::Error, fs, time::Duration};

use futures::{StreamExt as _, stream};
use postrider_core::{secret::SigningSecret, sign, time::Time};
use reqwest::Client;

const AT_ONCE: usize = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, secret, count, bytes] = arguments.as_slice() else { return Err("url, secret, count, bytes".into()) };
    let (secret, count, bytes): (SigningSecret, u32, usize) = (secret.parse()?, count.parse()?, bytes.parse()?);
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(15)).build()?;
    let body = format!(r#"{{"filling":"{}"}}"#, "x".repeat(bytes.saturating_sub(14)));
    let secrets = [secret];
    // The connections, and what is made once.
    post_all(&client, url, &secrets, &body, 100).await?;
    let before = cpu()?;
    post_all(&client, url, &secrets, &body, count).await?;
    println!("{:.2}", cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(count));
    Ok(())
}

async fn post_all(
    client: &Client,
    url: &str,
    secrets: &[SigningSecret],
    body: &str,
    count: u32,
) -> Result<(), Box<dyn Error>> {
    let posts = (0..count).map(|n| async move {
        let at = Time::from_micros(i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_micros())?);
        let mut request = client.post(url).body(body.to_owned()).header("content-type", "application/json");
        for (name, value) in sign::headers(secrets, &format!("msg_{n:027}"), at, body.as_bytes()) {
            request = request.header(name, value);
        }
        let response = request.send().await?.error_for_status()?;
        response.bytes().await?;
        Ok::<_, Box<dyn Error>>(())
    });
    let mut all = stream::iter(posts).buffer_unordered(AT_ONCE);
    while let Some(done) = all.next().await {
        done?;
    }
    Ok(())
}

/// The CPU time of this process.
fn cpu() -> Result<Duration, Box<dyn Error>> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}
