//! `/organization`.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use postrider_core::manage::{SettingsIn, SettingsPatch};

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, ok},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new().route("/organization/settings", get(read::<P>).put(put::<P>).patch(patch::<P>))
}

async fn read<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    ok(&api.manager().settings(&call.caller).await?)
}

async fn put<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: SettingsIn = call.json()?;
    ok(&api.manager().put_settings(&call.caller, &body).await?)
}

async fn patch<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let patch: SettingsPatch = call.json()?;
    ok(&api.manager().patch_settings(&call.caller, &patch).await?)
}
