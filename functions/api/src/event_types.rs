//! `/event-type`.

use axum::extract::{Path, State};
use postrider_core::manage::{
    EventTypeIn, EventTypeOut, EventTypePatch, EventTypeUpdate, EventTypesShown, ImportIn, ImportOut, TypeName,
};
use postrider_web::json;

use crate::{
    Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::EventType)
        .with(
            Operation::get("/event-type", "v1.event-type.list", "List event types")
                .takes(Parameter::order("ascending"))
                .takes(Parameter::flag("include_archived", "Whether archived ones are shown too.", false))
                .takes(Parameter::flag("with_content", "Whether their schemas are shown.", false))
                .lists::<TypeName, EventTypeOut>(),
            list::<P>,
        )
        .with(
            Operation::post("/event-type", "v1.event-type.create", "Make an event type")
                .says("An archived one of the same name is made anew.")
                .for_organizations()
                .body::<EventTypeIn>()
                .once()
                .gives::<EventTypeOut>(201, "It is made.")
                .conflicts("There is one of this name, or a request with this key is still being processed."),
            create::<P>,
        )
        .with(
            Operation::post("/event-type/import/openapi", "v1.event-type.import-openapi", "Import event types")
                .says("From the webhooks of an OpenAPI document. To repeat it is harmless.")
                .for_organizations()
                .body::<ImportIn>()
                .once()
                .gives::<ImportOut>(200, "They are written, or would be.")
                .fails(
                    Error::BadRequest,
                    "Neither or both of `spec` and `specRaw` are given, or a header cannot be read.",
                ),
            import::<P>,
        )
        .with(
            Operation::get(EVENT_TYPE, "v1.event-type.get", "Show an event type")
                .gives::<EventTypeOut>(200, "The event type."),
            read::<P>,
        )
        .with(
            Operation::put(EVENT_TYPE, "v1.event-type.update", "Replace an event type, or make it")
                .says("What the body leaves out falls to its default.")
                .for_organizations()
                .body::<EventTypeUpdate>()
                .gives::<EventTypeOut>(200, "It is replaced.")
                .gives::<EventTypeOut>(201, "It is made.")
                .error(Error::Conflict),
            put::<P>,
        )
        .with(
            Operation::patch(EVENT_TYPE, "patch_event_type", "Change an event type")
                .for_organizations()
                .body::<EventTypePatch>()
                .gives::<EventTypeOut>(200, "It is changed.")
                .error(Error::Conflict),
            patch::<P>,
        )
        .with(
            Operation::delete(EVENT_TYPE, "v1.event-type.delete", "Archive or delete an event type")
                .says("Endpoints that want it stay as they are, and messages of it are taken in all the same.")
                .for_organizations()
                .takes(Parameter::flag("expunge", "Whether it is deleted, and not only archived.", false))
                .gives_nothing("It is archived or deleted.")
                .error(Error::Conflict),
            delete::<P>,
        )
}

const EVENT_TYPE: &str = "/event-type/{event_type_name}";

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
