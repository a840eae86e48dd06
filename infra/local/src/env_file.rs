//! `target/local/env`: what other programs need to know about the stack.

use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use postrider_local::{ACCESS_KEY, DEFAULT_PORT, Deployment, Emulator, REGION, paths};

/// Where it goes: for the stack on the usual port, where everybody looks; otherwise to the stack's own folder.
pub(crate) fn path(emulator: &Emulator, port: u16) -> Result<PathBuf> {
    let dir = if port == DEFAULT_PORT { paths::local()? } else { emulator.dir().to_path_buf() };
    Ok(dir.join("env"))
}

/// `NAME=value` lines, which both shells and other readers of such files understand.
pub(crate) fn variables(stack: &Deployment, emulator: &Emulator, url: &str, token: &str) -> Result<String> {
    let endpoint = emulator.endpoint();
    let variables = [
        ("POSTRIDER_URL", url),
        ("POSTRIDER_TOKEN", token),
        ("POSTRIDER_CONFIG_TABLE", stack.output("ConfigTableName")?),
        ("POSTRIDER_LEDGER_TABLE", stack.output("LedgerTableName")?),
        ("POSTRIDER_QUEUE_URL", stack.output("DeliveryQueueUrl")?),
        ("POSTRIDER_RETRY_QUEUE_URL", stack.output("RetryQueueUrl")?),
        ("POSTRIDER_JOB_QUEUE_URL", stack.output("JobQueueUrl")?),
        ("POSTRIDER_DEAD_LETTER_QUEUE_URL", stack.output("DeadLetterQueueUrl")?),
        ("POSTRIDER_KEYRING", stack.output("KeyringArn")?),
        ("AWS_ENDPOINT_URL", &endpoint),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", ACCESS_KEY),
    ];
    Ok(variables.map(|(name, value)| [name, "=", value, "\n"].concat()).concat())
}

/// For the user's eyes only: it holds a token.
pub(crate) fn write(path: &Path, variables: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(variables.as_bytes())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
