//! `/app`.

use axum::extract::{Path, State};
use postrider_core::{
    ids::AppId,
    manage::{ApplicationIn, ApplicationOut, ApplicationPatch},
    ports::Ambient as _,
};

use crate::{
    Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Application)
        .with(
            Operation::get("/app", "v1.application.list", "List applications")
                .for_organizations()
                .takes(Parameter::order("ascending"))
                .lists::<AppId, ApplicationOut>(),
            list::<P>,
        )
        .with(
            Operation::post("/app", "v1.application.create", "Make an application")
                .for_organizations()
                .takes(Parameter::flag("get_if_exists", "Whether one with this uid is given as it is.", false))
                .body::<ApplicationIn>()
                .once()
                .gives::<ApplicationOut>(200, "One with this uid was there.")
                .gives::<ApplicationOut>(201, "It is made.")
                .conflicts("The uid is taken, or a request with this key is still being processed."),
            create::<P>,
        )
        .with(
            Operation::get("/app/{app_id}", "v1.application.get", "Show an application")
                .gives::<ApplicationOut>(200, "The application."),
            read::<P>,
        )
        .with(
            Operation::put("/app/{app_id}", "v1.application.update", "Replace an application, or make it")
                .says("What the body leaves out falls to its default. A uid in the path stands if the body has none.")
                .for_organizations()
                .body::<ApplicationIn>()
                .gives::<ApplicationOut>(200, "It is replaced.")
                .gives::<ApplicationOut>(201, "It is made.")
                .conflicts("The uid is taken, or it is being changed by somebody else."),
            put::<P>,
        )
        .with(
            Operation::patch("/app/{app_id}", "patch_application", "Change an application")
                .for_organizations()
                .body::<ApplicationPatch>()
                .gives::<ApplicationOut>(200, "It is changed.")
                .conflicts("The uid is taken, or it is being changed by somebody else."),
            patch::<P>,
        )
        .with(
            Operation::delete("/app/{app_id}", "v1.application.delete", "Delete an application")
                .says("Everything in it is not found from then on, and nothing more is sent.")
                .for_organizations()
                .gives_nothing("It is deleted.")
                .error(Error::Conflict),
            delete::<P>,
        )
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
