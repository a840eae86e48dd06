//! `/event-type`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use postrider_core::manage::{EventTypeIn, EventTypePatch, EventTypesShown, ImportIn};
use postrider_web::json;

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/event-type", get(list::<P>).post(create::<P>))
        .route("/event-type/import/openapi", post(import::<P>))
        .route("/event-type/{name}", get(read::<P>).put(put::<P>).patch(patch::<P>).delete(delete::<P>))
}

async fn list<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let query = &call.query;
    // As in the contract: checked, and then always ascending.
    query.ascending(true)?;
    let shown = EventTypesShown {
        archived: query.flag("include_archived", false)?,
        schemas: query.flag("with_content", false)?,
    };
    ok(&api.manager().event_types(&call.caller, query.page()?, shown).await?)
}

async fn create<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: EventTypeIn = call.json()?;
    let create = async |id| json(201, &api.manager().create_event_type(&call.caller, id, &body).await?);
    call.once(&api, create).await
}

async fn read<P: Parts>(State(api): Shared<P>, Path(name): Path<String>, call: Call) -> Outcome {
    ok(&api.manager().event_type(&call.caller, &name).await?)
}

async fn put<P: Parts>(State(api): Shared<P>, Path(name): Path<String>, call: Call) -> Outcome {
    let body: EventTypeIn = call.json()?;
    Ok(Reply(made(&api.manager().put_event_type(&call.caller, &name, &body).await?)?))
}

async fn patch<P: Parts>(State(api): Shared<P>, Path(name): Path<String>, call: Call) -> Outcome {
    let patch: EventTypePatch = call.json()?;
    ok(&api.manager().patch_event_type(&call.caller, &name, &patch).await?)
}

async fn delete<P: Parts>(State(api): Shared<P>, Path(name): Path<String>, call: Call) -> Outcome {
    let expunge = call.query.flag("expunge", false)?;
    api.manager().delete_event_type(&call.caller, &name, expunge).await?;
    Ok(done())
}

async fn import<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: ImportIn = call.json()?;
    let import = async |_| json(200, &api.manager().import_openapi(&call.caller, body).await?);
    call.once(&api, import).await
}
