//! `/source`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use postrider_core::{
    manage::{SourceIn, SourceRotation},
    ports::Ambient as _,
};
use postrider_web::{NO_CONTENT, json};

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/source", get(list::<P>).post(create::<P>))
        .route("/source/{source}", get(read::<P>).put(put::<P>).delete(delete::<P>))
        .route("/source/{source}/rotate", post(rotate::<P>))
}

async fn list<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let (page, ascending) = (call.query.page()?, call.query.ascending(false)?);
    ok(&api.manager().sources(&call.caller, page, ascending).await?.map(|source| source.at(&api.url)))
}

async fn create<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: SourceIn = call.json()?;
    let create = async |id| json(201, &api.manager().create_source(&call.caller, id, body).await?.at(&api.url));
    call.once(&api, create).await
}

async fn read<P: Parts>(State(api): Shared<P>, Path(source): Path<String>, call: Call) -> Outcome {
    ok(&api.manager().source(&call.caller, &source).await?.at(&api.url))
}

async fn put<P: Parts>(State(api): Shared<P>, Path(source): Path<String>, call: Call) -> Outcome {
    let body: SourceIn = call.json()?;
    let put = api.manager().put_source(&call.caller, api.ambient.ksuid(), &source, body).await?;
    Ok(Reply(made(&put.map(|source| source.at(&api.url)))?))
}

async fn delete<P: Parts>(State(api): Shared<P>, Path(source): Path<String>, call: Call) -> Outcome {
    api.manager().delete_source(&call.caller, &source).await?;
    Ok(done())
}

async fn rotate<P: Parts>(State(api): Shared<P>, Path(source): Path<String>, call: Call) -> Outcome {
    let wanted: SourceRotation = call.json()?;
    let rotate = async |_| {
        api.manager().rotate_source(&call.caller, &source, &wanted).await?;
        Ok(NO_CONTENT)
    };
    call.once(&api, rotate).await
}
