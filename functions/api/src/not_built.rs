//! Operations of the contract that this version does not have: 501, so that nobody takes them for unknown paths.

use postrider_core::problem::Problem;

use crate::{
    Parts,
    call::{Call, Outcome},
    openapi::{Error, Operation, Operations, Tag},
};

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    of_endpoints().merge(of_messages()).merge(of_attempts())
}

fn of_endpoints<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Endpoint).with(
        not_built_yet(Operation::get(
            "/app/{app_id}/endpoint/{endpoint_id}/stats",
            "v1.endpoint.get-stats",
            "Count an endpoint's attempts",
        )),
        for_all,
    )
}

fn of_messages<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Message).with(
        not_built_yet(Operation::delete(
            "/app/{app_id}/msg/{msg_id}/content",
            "v1.message.expunge-content",
            "Erase a message's payload",
        ))
        .for_organizations(),
        for_organizations,
    )
}

fn of_attempts<P: Parts>() -> Operations<P> {
    Operations::about(Tag::MessageAttempt).with(
        not_built_yet(Operation::delete(
            "/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content",
            "v1.message-attempt.expunge-content",
            "Erase an attempt's response",
        ))
        .for_organizations(),
        for_organizations,
    )
}

fn not_built_yet(operation: Operation) -> Operation {
    operation.error(Error::NotBuilt)
}

async fn for_all(_call: Call) -> Outcome {
    Err(not_built("This operation is not part of this version of Postrider").into())
}

async fn for_organizations(call: Call) -> Outcome {
    call.caller.must_be_organization()?;
    for_all(call).await
}

fn not_built(detail: &'static str) -> Problem {
    Problem::refused(501, "not_implemented", detail)
}
