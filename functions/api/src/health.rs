//! `/health`: whether the table and the keyring answer. Nothing here needs a token.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use postrider_core::{
    ids::{AppId, Id as _, Ksuid},
    ports::{Directory as _, Keys as _, Unavailable, chain},
};
use postrider_web::json;
use serde::Serialize;

use crate::{
    Api, Parts, Shared,
    call::{Outcome, Reply, done},
};

#[derive(Serialize)]
struct Health {
    database: Part,
    keyring: Part,
}

#[derive(Serialize)]
struct Part {
    status: &'static str,
}

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new().route("/health", get(health::<P>)).route("/health/ping", get(ping))
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
