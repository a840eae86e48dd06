//! `/health`: whether the table and the keyring answer. Nothing here needs a token.

use axum::extract::State;
use postrider_core::{
    ids::{AppId, Id as _, Ksuid},
    ports::{Directory as _, Keys as _, Unavailable, chain},
};
use postrider_web::json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Parts, Shared,
    call::{Outcome, Reply, done},
    openapi::{Operation, Operations, Tag},
};

/// What works and what does not.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// Where things are stored.
    database: Part,
    /// What signs and seals.
    keyring: Part,
}

/// How a part of it is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HealthPart")]
struct Part {
    /// In a word.
    #[schemars(extend("enum" = ["ok", "error"]))]
    status: &'static str,
}

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Health)
        .with(
            Operation::get("/health", "v1.health.get", "Ask whether everything works")
                .without_token()
                .gives::<Health>(200, "Everything works.")
                .gives::<Health>(500, "Something does not."),
            health::<P>,
        )
        .with(
            Operation::get("/health/ping", "v1.health.ping", "Ask whether it answers")
                .without_token()
                .gives_nothing("It does."),
            ping,
        )
}

async fn ping() -> Reply {
    done()
}

async fn health<P: Parts>(State(api): Shared<P>) -> Outcome {
    let nobody = AppId::from_ksuid(Ksuid::from_bytes([0; 20]));
    let health = Health {
        database: part(api.directory.application(nobody).await.map(drop)),
        keyring: part(api.keys.keyring(None).await.map(drop)),
    };
    let is_well = [&health.database, &health.keyring].iter().all(|part| part.status == "ok");
    Ok(Reply(json(if is_well { 200 } else { 500 }, &health)?))
}

fn part(result: Result<(), Unavailable>) -> Part {
    match result {
        Ok(()) => Part { status: "ok" },
        Err(error) => {
            tracing::error!(error = chain(&error), "a health check failed");
            Part { status: "error" }
        }
    }
}
