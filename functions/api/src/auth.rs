//! `/auth`: access to the portal, tokens made and revoked.
//!
//! None of these answers is stored under an `Idempotency-Key`: most hold a token.

use axum::extract::{Path, State};
use postrider_core::{
    access::{ExpireIn, PortalAccess, PortalAccessIn, RevokeIn, TokenIn, TokenOut},
    ports::Ambient as _,
};
use postrider_web::json;

use crate::{
    Parts, Shared,
    call::{Call, Outcome, Reply, done, ok},
    openapi::{Error, Operation, Operations, Tag},
};

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Authentication)
        .with(
            Operation::post(
                "/auth/app-portal-access/{app_id}",
                "v1.authentication.app-portal-access",
                "Give a customer access to the portal",
            )
            .says("A token of one application, for a while.")
            .for_organizations()
            .body::<PortalAccessIn>()
            .ignores_key()
            .gives::<PortalAccess>(200, "Where the portal is, and the token.")
            .error(Error::Conflict),
            portal::<P>,
        )
        .with(
            Operation::post(
                "/auth/dashboard-access/{app_id}",
                "v1.authentication.dashboard-access",
                "Give a customer access to the portal",
            )
            .says("Without limits other than those of an application's token.")
            .for_organizations()
            .deprecated()
            .gives::<PortalAccess>(200, "Where the portal is, and the token."),
            dashboard::<P>,
        )
        .with(
            Operation::post(
                "/auth/app/{app_id}/expire-all",
                "v1.authentication.expire-all",
                "Let an application's tokens expire",
            )
            .for_organizations()
            .body::<ExpireIn>()
            .ignores_key()
            .gives_nothing("They expire.")
            .fails(Error::BadRequest, "So many sessions cannot be remembered, or the token names nobody."),
            expire_all::<P>,
        )
        .with(
            Operation::post("/auth/logout", "logout_api_v1_auth_logout__post", "Revoke the token of this request")
                .ignores_key()
                .gives_nothing("It is not good any more."),
            log_out::<P>,
        )
        .with(
            Operation::post("/auth/token", "v1.authentication.create-token", "Make a token")
                .says("Of the organization, or of one application; it can do no more than the one that asks.")
                .for_organizations()
                .body::<TokenIn>()
                .gives::<TokenOut>(201, "The token; it is shown only now.")
                .fails(Error::NotFound, "There is no such application."),
            create::<P>,
        )
        .with(
            Operation::post("/auth/token/revoke", "v1.authentication.revoke-token", "Revoke a token")
                .for_organizations()
                .body::<RevokeIn>()
                .gives_nothing("It is not good any more.")
                .fails(Error::NotFound, "It is no token of the organization."),
            revoke::<P>,
        )
}

async fn portal<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    call.check_key()?;
    let body: PortalAccessIn = call.json()?;
    ok(&api.access().portal(&call.caller, api.ambient.ksuid(), &app, &body).await?)
}

async fn dashboard<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let body = PortalAccessIn::default();
    ok(&api.access().portal(&call.caller, api.ambient.ksuid(), &app, &body).await?)
}

async fn expire_all<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    call.check_key()?;
    let body: ExpireIn = call.json()?;
    api.access().expire_all(&call.caller, &app, &body, api.ambient.now()).await?;
    Ok(done())
}

async fn log_out<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    call.check_key()?;
    api.access().log_out(&call.caller, api.ambient.now()).await?;
    Ok(done())
}

async fn create<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: TokenIn = call.json()?;
    Ok(Reply(json(201, &api.access().create_token(&call.caller, api.ambient.ksuid(), &body).await?)?))
}

async fn revoke<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: RevokeIn = call.json()?;
    api.access().revoke_token(&call.caller, &body, api.ambient.now()).await?;
    Ok(done())
}
