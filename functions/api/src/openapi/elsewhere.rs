//! Operations that other functions answer: their handlers are not here, their description is.

use postrider_core::{
    history::MessageOut,
    publish::{BulkIn, BulkOut, Draft},
    receive::ReceivedOut,
};

use super::{Operation, Parameter, Tag, errors::Error};

const RATE: &str = "The application takes in no more messages a second.";

/// What ingest answers.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/app/{app_id}/msg", "v1.message.create", "Publish a message")
            .about(Tag::Message)
            .says(
                "It is accepted when it is stored and its deliveries are on their way. Whoever repeats a request that \
                 got no answer gives the same `Idempotency-Key`, and nothing is published twice.",
            )
            .for_organizations()
            .takes(Parameter::flag("with_content", "Whether the answer has the payload.", true))
            .body::<Draft<'static>>()
            .once()
            .gives::<MessageOut>(202, "It is stored and will be delivered.")
            .conflicts(
                "A message of the application has this `eventId` already, or a request with this key or `eventId` is \
                 still being processed.",
            )
            .fails(Error::TooMany, RATE),
        Operation::post("/app/{app_id}/msg/batch", "v1.message.create-batch", "Publish messages together")
            .about(Tag::Message)
            .says("Cheaper than one by one. What became of each is told in their order.")
            .for_organizations()
            .takes(Parameter::flag("with_content", "Whether the answer has the payloads.", true))
            .body::<BulkIn<'static>>()
            .once()
            .gives::<BulkOut>(202, "All are stored and will be delivered.")
            .gives::<BulkOut>(207, "Some are; the others are refused.")
            .fails(Error::TooLarge, "The body has more than 1,048,576 bytes.")
            .fails(Error::TooMany, RATE),
        Operation::post("/in/{source_id}", "v1.source.receive", "Receive a third party's webhook")
            .at_root()
            .about(Tag::Source)
            .says("For third parties. The body is theirs, and so are the headers that prove it.")
            .without_token()
            .receives_anything()
            .gives::<ReceivedOut>(200, "It is published, or was already; empty where it was, or is shown to people.")
            .or_nothing()
            .fails(Error::BadRequest, "What was signed is too old, or comes from the future, or cannot be read.")
            .fails(Error::Unauthenticated, "It is not signed with the source's secret.")
            .fails(Error::Conflict, "The same event is still being processed.")
            .fails(Error::TooMany, RATE),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");

    #[test]
    fn they_are_what_the_template_routes_past_the_api_function() {
        let keys = TEMPLATE.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: "));
        let routed: BTreeSet<_> = keys.filter(|key| *key != "$default").map(str::to_owned).collect();
        let key = |operation: &Operation| {
            // Everything under that path, for a 405 of its own.
            let verb = if operation.prefix.is_empty() { "ANY".to_owned() } else { operation.verb.key().to_uppercase() };
            format!("{verb} {}", operation.full_path())
        };
        assert_eq!(operations().iter().map(key).collect::<BTreeSet<_>>(), routed);
    }
}
