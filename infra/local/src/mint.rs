//! API tokens of a local stack, made from its keyring. Those of a deployment are minted by `postrider token`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use postrider_core::{
    keyring::Keyring,
    time::Time,
    token::{self, Caller},
};

const DAY: Duration = Duration::from_hours(24);

/// Makes a token for an organization (`org_…`, any of your choice). `keyring` is the text of the keyring's secret.
pub fn mint(keyring: &str, org: &str, days: u32) -> Result<String> {
    let keyring = Keyring::parse(keyring)?;
    let org = org.parse().with_context(|| format!("{org} is not org_ and letters, digits, '-', '_' or '.'"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = Time::from_secs(i64::try_from(now)?);
    Ok(token::mint(&keyring, &Caller { org, app: None }, now, DAY * days)?)
}
