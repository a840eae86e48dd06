//! `/app`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use postrider_core::{
    manage::{ApplicationIn, ApplicationPatch},
    ports::Ambient as _,
};

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app", get(list::<P>).post(create::<P>))
        .route("/app/{app}", get(read::<P>).put(put::<P>).patch(patch::<P>).delete(delete::<P>))
}

async fn list<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let (page, ascending) = (call.query.page()?, call.query.ascending(true)?);
    ok(&api.manager().applications(&call.caller, page, ascending).await?)
}

async fn create<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let get_if_exists = call.query.flag("get_if_exists", false)?;
    let body: ApplicationIn = call.json()?;
    let create = async |id| made(&api.manager().create_application(&call.caller, id, &body, get_if_exists).await?);
    call.once(&api, create).await
}

async fn read<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    ok(&api.manager().application(&call.caller, &app).await?)
}

async fn put<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let body: ApplicationIn = call.json()?;
    let put = api.manager().put_application(&call.caller, api.ambient.ksuid(), &app, &body).await?;
    Ok(Reply(made(&put)?))
}

async fn patch<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let patch: ApplicationPatch = call.json()?;
    ok(&api.manager().patch_application(&call.caller, &app, &patch).await?)
}

async fn delete<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    api.manager().delete_application(&call.caller, &app).await?;
    Ok(done())
}
