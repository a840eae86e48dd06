//! `/organization`.

use axum::extract::State;
use postrider_core::manage::{SettingsIn, SettingsOut, SettingsPatch};

use crate::{
    Parts, Shared,
    call::{Call, Outcome, ok},
    openapi::{Error, Operation, Operations, Tag},
};

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Organization)
        .with(
            Operation::get(SETTINGS, "v1.organization.get-settings", "Show the organization's settings")
                .for_organizations()
                .gives::<SettingsOut>(200, "The settings."),
            read::<P>,
        )
        .with(
            Operation::put(SETTINGS, "v1.organization.update-settings", "Replace the organization's settings")
                .says("What the body leaves out falls to its default. It counts within half a minute.")
                .for_organizations()
                .body::<SettingsIn>()
                .gives::<SettingsOut>(200, "They are replaced.")
                .error(Error::Conflict),
            put::<P>,
        )
        .with(
            Operation::patch(SETTINGS, "v1.organization.patch-settings", "Change the organization's settings")
                .says("It counts within half a minute.")
                .for_organizations()
                .body::<SettingsPatch>()
                .gives::<SettingsOut>(200, "They are changed.")
                .error(Error::Conflict),
            patch::<P>,
        )
}

const SETTINGS: &str = "/organization/settings";

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
