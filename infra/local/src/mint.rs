//! API tokens of a local stack, made from its keyring. Those of a deployment are minted by `postrider token`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use postrider_core::{
    ids::Ksuid,
    keyring::Keyring,
    time::Time,
    token::{self, Caller},
};

const DAY: Duration = Duration::from_hours(24);

/// Makes a token for an organization (`org_…`, any of your choice), which lets do everything there. `keyring` is the text
/// of the keyring's secret.
pub fn mint(keyring: &str, org: &str, days: u32) -> Result<String> {
    let keyring = Keyring::parse(keyring)?;
    let org = org.parse().with_context(|| format!("{org} is not org_ and letters, digits, '-', '_' or '.'"))?;
    Ok(token::mint(&keyring, &Caller::organization(org), ksuid()?, DAY * days)?)
}

/// A new identifier of now.
pub fn ksuid() -> Result<Ksuid> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let mut random = [0; 15];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the operating system gives no randomness: {error}"))?;
    Ok(Ksuid::new(Time::from_micros(i64::try_from(now)?), random))
}
