//! `/app/{app}/endpoint`, with headers and secrets.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use postrider_core::{
    diagnose::DiagnoseIn,
    manage::{EndpointIn, EndpointPatch, HeadersIn, HeadersPatch, Rotation},
    ports::Ambient as _,
};
use postrider_web::{NO_CONTENT, json};

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
};

type Names = Path<(String, String)>;

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app/{app}/endpoint", get(list::<P>).post(create::<P>))
        .route("/app/{app}/endpoint/{endpoint}", get(read::<P>).put(put::<P>).patch(patch::<P>).delete(delete::<P>))
        .route(
            "/app/{app}/endpoint/{endpoint}/headers",
            get(headers::<P>).put(put_headers::<P>).patch(patch_headers::<P>),
        )
        .route("/app/{app}/endpoint/{endpoint}/secret", get(secret::<P>))
        .route("/app/{app}/endpoint/{endpoint}/secret/rotate", post(rotate::<P>))
        .route("/app/{app}/endpoint/{endpoint}/stats", get(stats::<P>))
        .route("/app/{app}/endpoint/{endpoint}/diagnose", post(diagnose::<P>))
}

async fn list<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let (page, ascending) = (call.query.page()?, call.query.ascending(false)?);
    ok(&api.manager().endpoints(&call.caller, &app, page, ascending).await?)
}

async fn create<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let body: EndpointIn = call.json()?;
    let create = async |id| json(201, &api.manager().create_endpoint(&call.caller, id, &app, body).await?);
    call.once(&api, create).await
}

async fn read<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    ok(&api.manager().endpoint(&call.caller, &app, &endpoint).await?)
}

async fn put<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let body: EndpointIn = call.json()?;
    let put = api.manager().put_endpoint(&call.caller, api.ambient.ksuid(), &app, &endpoint, body).await?;
    Ok(Reply(made(&put)?))
}

async fn patch<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let patch: EndpointPatch = call.json()?;
    ok(&api.manager().patch_endpoint(&call.caller, &app, &endpoint, patch).await?)
}

async fn delete<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    api.manager().delete_endpoint(&call.caller, &app, &endpoint).await?;
    Ok(done())
}

async fn headers<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    ok(&api.manager().headers(&call.caller, &app, &endpoint).await?)
}

async fn put_headers<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let body: HeadersIn = call.json()?;
    api.manager().put_headers(&call.caller, &app, &endpoint, body).await?;
    Ok(done())
}

async fn patch_headers<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let patch: HeadersPatch = call.json()?;
    api.manager().patch_headers(&call.caller, &app, &endpoint, patch).await?;
    Ok(done())
}

async fn secret<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    ok(&api.manager().secret(&call.caller, &app, &endpoint).await?)
}

async fn rotate<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let wanted: Rotation = call.json()?;
    let rotate = async |_| {
        api.manager().rotate(&call.caller, &app, &endpoint, &wanted).await?;
        Ok(NO_CONTENT)
    };
    call.once(&api, rotate).await
}

async fn stats<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let (since, until) = (call.query.time("since")?, call.query.time("until")?);
    ok(&api.history().stats(&call.caller, &app, &endpoint, since, until).await?)
}

async fn diagnose<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let body: DiagnoseIn = call.json_if_any()?;
    ok(&api.doctor().diagnose(&call.caller, &app, &endpoint, &body).await?)
}
