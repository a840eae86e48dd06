//! The real account, or whatever the surroundings point to: only for what is documented as working on both.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::{helper::Helper, paths, progress::Progress, venv};

/// The text of a secret, with whatever credentials boto3 finds: variables, profiles, single sign-on.
pub async fn read_secret(name: &str, progress: Progress) -> Result<String> {
    let python = venv::ensure(progress)?;
    let helper = Helper::start(Command::new(python).arg(paths::python("helper.py")))?;
    let text = helper.call("secret", json!({ "name": name })).await;
    let text = text.with_context(|| format!("the secret {name} cannot be read"))?;
    Ok(serde_json::from_value(text)?)
}
