//! `/source`.

use axum::extract::{Path, State};
use postrider_core::{
    ids::SourceId,
    manage::{SourceIn, SourceOut, SourceRotation},
    ports::Ambient as _,
};
use postrider_web::{NO_CONTENT, json};

use crate::{
    Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Source)
        .with(
            Operation::get("/source", "v1.source.list", "List sources")
                .for_organizations()
                .takes(Parameter::order("descending"))
                .lists::<SourceId, SourceOut>(),
            list::<P>,
        )
        .with(
            Operation::post("/source", "v1.source.create", "Make a source")
                .for_organizations()
                .body::<SourceIn>()
                .once()
                .gives::<SourceOut>(201, "It is made; third parties send to its `ingestUrl`.")
                .conflicts("The uid is taken, or a request with this key is still being processed."),
            create::<P>,
        )
        .with(
            Operation::get(SOURCE, "v1.source.get", "Show a source")
                .for_organizations()
                .gives::<SourceOut>(200, "The source, without its secret."),
            read::<P>,
        )
        .with(
            Operation::put(SOURCE, "v1.source.update", "Replace a source, or make it")
                .says("What the body leaves out falls to its default. A secret that is left out stays, if it fits.")
                .for_organizations()
                .body::<SourceIn>()
                .gives::<SourceOut>(200, "It is replaced.")
                .gives::<SourceOut>(201, "It is made.")
                .conflicts("The uid is taken, or it is being changed by somebody else."),
            put::<P>,
        )
        .with(
            Operation::delete(SOURCE, "v1.source.delete", "Delete a source")
                .for_organizations()
                .gives_nothing("It is deleted.")
                .error(Error::Conflict),
            delete::<P>,
        )
        .with(
            Operation::post("/source/{source_id}/rotate", "v1.source.rotate-secret", "Replace a source's secret")
                .says("What the secret before has signed is accepted as well for a while.")
                .for_organizations()
                .body::<SourceRotation>()
                .once()
                .gives_nothing("It is replaced."),
            rotate::<P>,
        )
}

const SOURCE: &str = "/source/{source_id}";

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
