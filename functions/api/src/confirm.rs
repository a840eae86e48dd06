//! `/confirm/{token}`: the token in the path says who confirms what; no other is needed.

use axum::extract::{Path, State};

use crate::{
    Parts, Shared,
    call::{Outcome, done},
    openapi::{Operation, Operations, Tag},
};

/// `POST` only: whatever previews or scans links would confirm what nobody has seen.
pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Confirmation).with(
        Operation::post("/confirm/{token}", "v1.confirmation.confirm", "Confirm a delivery")
            .says("For receivers: they call the URL that came with the delivery, once they have done with it.")
            .without_token()
            .gives_nothing("The delivery has succeeded.")
            .conflicts("The attempt has been counted as failed already, or is being changed just now."),
        confirm::<P>,
    )
}

async fn confirm<P: Parts>(State(api): Shared<P>, Path(token): Path<String>) -> Outcome {
    api.confirmer().confirm(&token).await?;
    Ok(done())
}
