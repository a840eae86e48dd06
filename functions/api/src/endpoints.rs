//! `/app/{app}/endpoint`, with headers and secrets.

use axum::extract::{Path, State};
use postrider_core::{
    diagnose::{DiagnoseIn, Diagnosis},
    example::ExampleIn,
    history::{EndpointStats, MessageOut, message_out},
    ids::EndpointId,
    manage::{
        EndpointIn, EndpointOut, EndpointPatch, EndpointUpdate, HeadersIn, HeadersOut, HeadersPatch, Rotation,
        SecretOut,
    },
    ports::Ambient as _,
    token::Scope,
};
use postrider_web::{NO_CONTENT, json};

use crate::{
    Parts, Shared,
    call::{Call, Outcome, Reply, done, made, ok},
    openapi::{Error, Operation, Operations, Parameter, Tag},
};

const ENDPOINT: &str = "/app/{app_id}/endpoint/{endpoint_id}";
const HEADERS: &str = "/app/{app_id}/endpoint/{endpoint_id}/headers";

type Names = Path<(String, String)>;

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Endpoint)
        .with(
            Operation::get("/app/{app_id}/endpoint", "v1.endpoint.list", "List endpoints")
                .takes(Parameter::order("descending"))
                .lists::<EndpointId, EndpointOut>(),
            list::<P>,
        )
        .with(
            Operation::post("/app/{app_id}/endpoint", "v1.endpoint.create", "Make an endpoint")
                .body::<EndpointIn>()
                .once()
                .gives::<EndpointOut>(201, "It is made.")
                .conflicts("The uid is taken, or a request with this key is still being processed."),
            create::<P>,
        )
        .with(
            Operation::get(ENDPOINT, "v1.endpoint.get", "Show an endpoint")
                .says("Without its secret and its headers, which have operations of their own.")
                .gives::<EndpointOut>(200, "The endpoint."),
            read::<P>,
        )
        .with(
            Operation::put(ENDPOINT, "v1.endpoint.update", "Replace an endpoint, or make it")
                .says("What the body leaves out falls to its default; the secret and the headers stay.")
                .body::<EndpointUpdate>()
                .gives::<EndpointOut>(200, "It is replaced.")
                .gives::<EndpointOut>(201, "It is made.")
                .conflicts("The uid is taken, or it is being changed by somebody else."),
            put::<P>,
        )
        .with(
            Operation::patch(ENDPOINT, "patch_endpoint", "Change an endpoint")
                .body::<EndpointPatch>()
                .gives::<EndpointOut>(200, "It is changed.")
                .conflicts("The uid is taken, or it is being changed by somebody else."),
            patch::<P>,
        )
        .with(
            Operation::delete(ENDPOINT, "v1.endpoint.delete", "Delete an endpoint")
                .gives_nothing("It is deleted.")
                .error(Error::Conflict),
            delete::<P>,
        )
        .merge(headers_and_secrets())
        .merge(looks())
}

fn looks<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Endpoint)
        .with(
            Operation::get(
                "/app/{app_id}/endpoint/{endpoint_id}/stats",
                "v1.endpoint.get-stats",
                "Count an endpoint's deliveries",
            )
            .says("By how far they are: of messages published within at most 28 days.")
            .takes(Parameter::time("since", "From then on; 28 days before the end unless it is given."))
            .takes(Parameter::time("until", "Until just before then; now unless it is given."))
            .gives::<EndpointStats>(200, "The counts.")
            .fails(Error::BadRequest, "The time is longer than 28 days, ends in the future, or holds too much to count.")
            .fails(Error::TooMany, "They were counted often; `Retry-After` says how long to wait."),
            stats::<P>,
        )
        .with(
            Operation::post(
                "/app/{app_id}/endpoint/{endpoint_id}/diagnose",
                "v1.endpoint.diagnose",
                "Find out why webhooks do not arrive",
            )
            .says(
                "Each step of a delivery by itself: the configuration, the name's addresses, the connection, TLS with the \
                 certificate, and a signed test event. Nothing of it is recorded as a delivery.",
            )
            .body_if_any::<DiagnoseIn>()
            .ignores_key()
            .gives::<Diagnosis>(200, "What was found out.")
            .conflicts("The endpoint is one that is polled: nothing is sent to it.")
            .fails(Error::TooMany, "Too soon after the last one; `Retry-After` says when."),
            diagnose::<P>,
        )
}

fn headers_and_secrets<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Endpoint)
        .with(
            Operation::get(HEADERS, "v1.endpoint.get-headers", "Show an endpoint's headers")
                .says("Values that may be secrets are withheld.")
                .gives::<HeadersOut>(200, "The headers."),
            headers::<P>,
        )
        .with(
            Operation::put(HEADERS, "v1.endpoint.update-headers", "Replace an endpoint's headers")
                .body::<HeadersIn>()
                .gives_nothing("They are replaced.")
                .error(Error::Conflict),
            put_headers::<P>,
        )
        .with(
            Operation::patch(HEADERS, "v1.endpoint.patch-headers", "Change an endpoint's headers")
                .body::<HeadersPatch>()
                .gives_nothing("They are changed.")
                .error(Error::Conflict),
            patch_headers::<P>,
        )
        .with(
            Operation::get(
                "/app/{app_id}/endpoint/{endpoint_id}/secret",
                "v1.endpoint.get-secret",
                "Reveal an endpoint's signing secret",
            )
            .gives::<SecretOut>(200, "What verifies the signatures."),
            secret::<P>,
        )
        .with(
            Operation::post(
                "/app/{app_id}/endpoint/{endpoint_id}/secret/rotate",
                "v1.endpoint.rotate-secret",
                "Replace an endpoint's signing secret",
            )
            .says("The secret before goes on signing as well for a while, so that receivers can follow.")
            .body::<Rotation>()
            .once()
            .gives::<SecretOut>(200, "It is replaced, by this one.")
            .gives_nothing("It is replaced, and the token may not see by which one: it lacks the scope `secrets.read`.")
            .fails(
                Error::BadRequest,
                "Ten secrets sign already, or a header cannot be read, or the token names nobody.",
            ),
            rotate::<P>,
        )
        .with(
            Operation::post(
                "/app/{app_id}/endpoint/{endpoint_id}/send-example",
                "v1.endpoint.send-example",
                "Send an endpoint an example",
            )
            .says("The example of an event type's schema, as a message for this endpoint alone. `svix.ping` has one always.")
            .for_organizations()
            .body::<ExampleIn>()
            .once()
            .gives::<MessageOut>(200, "It will be sent. A repeated request is answered without the content.")
            .fails(Error::BadRequest, "No schema of the event type has an example, or a header cannot be read.")
            .conflicts("The endpoint is disabled, or a request with this key is still being processed."),
            send_example::<P>,
        )
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
    call.once(&api, rotate).await?;
    if !call.caller.scopes.allow(Scope::ReadSecrets) {
        return Ok(done());
    }
    // Apart from what is remembered for a repeated call, which must hold no secret. Clients that expect 204 do not look at
    // what comes with a 200.
    ok(&api.manager().secret(&call.caller, &app, &endpoint).await?)
}

async fn send_example<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let body: ExampleIn = call.json()?;
    let mut shown = None;
    let send = async |id| {
        let message = api.examples().send(&call.caller, id, &app, &endpoint, &body).await?;
        // What is remembered for a repeated call holds no content, which can be expunged.
        let remembered = json(200, &message_out(&message, false));
        shown = Some(message);
        remembered
    };
    let reply = call.once(&api, send).await?;
    shown.map_or(Ok(reply), |message| ok(&message_out(&message, true)))
}

async fn stats<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let (since, until) = (call.query.time("since")?, call.query.time("until")?);
    ok(&api.history().stats(&call.caller, &app, &endpoint, since, until).await?)
}

async fn diagnose<P: Parts>(State(api): Shared<P>, Path((app, endpoint)): Names, call: Call) -> Outcome {
    let body: DiagnoseIn = call.json_if_any()?;
    ok(&api.doctor().diagnose(&call.caller, &app, &endpoint, &body).await?)
}
