//! Messages: an application's, an endpoint's, and one with the endpoints it is for.

use axum::extract::{Path, State};
use postrider_core::{
    history::{DestinationOut, EndpointMessageOut, MessageFilter, MessageOut, Status, Window},
    ids::{EndpointId, MessageId},
    problem::Problem,
};
use postrider_web::Query;

use crate::{
    Parts, Shared,
    call::{Call, Outcome, done, ok},
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

type Names = Path<(String, String)>;

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Message)
        .with(
            filtered(Operation::get("/app/{app_id}/msg", "v1.message.list", "List messages"))
                .says("Newest first.")
                .lists::<MessageId, MessageOut>(),
            list::<P>,
        )
        .with(
            Operation::get("/app/{app_id}/msg/{msg_id}", "v1.message.get", "Show a message")
                .takes(with_content())
                .gives::<MessageOut>(200, "The message."),
            read::<P>,
        )
        .with(
            Operation::delete(
                "/app/{app_id}/msg/{msg_id}/content",
                "v1.message.expunge-content",
                "Erase a message's payload",
            )
            .says("Deliveries of it that have not ended are canceled.")
            .for_organizations()
            .gives_nothing("It is erased.")
            .error(Error::Conflict),
            expunge::<P>,
        )
        .merge(deliveries())
}

fn deliveries<P: Parts>() -> Operations<P> {
    Operations::about(Tag::MessageAttempt)
        .with(
            Operation::get(
                "/app/{app_id}/msg/{msg_id}/endpoint",
                "v1.message-attempt.list-attempted-destinations",
                "List the endpoints of a message",
            )
            .says("Those it is for, deleted ones too, with how far its delivery is at each.")
            .lists::<EndpointId, DestinationOut>(),
            endpoints::<P>,
        )
        .with(
            filtered(Operation::get(
                "/app/{app_id}/endpoint/{endpoint_id}/msg",
                "v1.message-attempt.list-attempted-messages",
                "List the messages of an endpoint",
            ))
            .takes(by_status())
            .says("Those that were tried there, or whose delivery has ended, newest first.")
            .lists::<MessageId, EndpointMessageOut>(),
            of_endpoint::<P>,
        )
}

/// With the parameters that [`filter`] reads.
pub(crate) fn filtered(operation: Operation) -> Operation {
    operation
        .takes(Parameter::name("channel", "Only of messages with this channel.", "project_1337"))
        .takes(Parameter::names("event_types", "Only of messages of these event types.", "invoice.paid"))
        .takes(Parameter::time("before", "Only what is older."))
        .takes(Parameter::time("after", "Only what is as old or newer."))
        .takes(with_content())
}

fn with_content() -> Parameter {
    Parameter::flag("with_content", "Whether payloads, or responses, are shown.", true)
}

/// The parameter that [`status`] reads.
pub(crate) fn by_status() -> Parameter {
    let description = "Only what is so far: 0 for success, 1 for pending, 2 for failed, 3 for sending.";
    Parameter::number("status", description, &[0, 1, 2, 3])
}

/// `channel`, `event_types`, `before`, `after`, `with_content`.
pub(crate) fn filter(query: &Query) -> Result<MessageFilter, Problem> {
    Ok(MessageFilter {
        channel: query.name("channel")?,
        event_types: query.names("event_types")?,
        window: Window { before: query.time("before")?, after: query.time("after")? },
        without_content: !query.flag("with_content", true)?,
    })
}

/// `status`.
pub(crate) fn status(query: &Query) -> Result<Option<Status>, Problem> {
    query.read("status", "0, 1, 2 or 3", |text| Status::of_number(text.parse().ok()?))
}

async fn list<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let (page, filter) = (call.query.page()?, filter(&call.query)?);
    ok(&api.history().messages(&call.caller, &app, page, filter).await?)
}

async fn read<P: Parts>(State(api): Shared<P>, Path((app, msg)): Names, call: Call) -> Outcome {
    let with_content = call.query.flag("with_content", true)?;
    ok(&api.history().message(&call.caller, &app, &msg, with_content).await?)
}

async fn expunge<P: Parts>(State(api): Shared<P>, Path((app, msg)): Names, call: Call) -> Outcome {
    api.expunger().message(&call.caller, &app, &msg).await?;
    Ok(done())
}

async fn endpoints<P: Parts>(State(api): Shared<P>, Path((app, msg)): Names, call: Call) -> Outcome {
    ok(&api.history().endpoints_of_message(&call.caller, &app, &msg, call.query.page()?).await?)
}

async fn of_endpoint<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let (page, filter, status) = (call.query.page()?, filter(&call.query)?, status(&call.query)?);
    ok(&api.history().messages_of_endpoint(&call.caller, &app, &endpoint, page, filter, status).await?)
}
