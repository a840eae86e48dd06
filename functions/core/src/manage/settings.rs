//! What an organization settles for all its applications. A change counts for what is published half a minute later at
//! the latest (see [`crate::publish`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Manager, TRIES, busy, written};
use crate::{
    entity::{Settings, Unlisted},
    given::{not_null, required_object},
    ids::OrgId,
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys},
    problem::Problem,
    token::Caller,
};

/// Settings to take the place of those that are there. What is left out falls to its default.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "OrganizationSettingsIn")]
pub struct SettingsIn {
    #[serde(deserialize_with = "required_object")]
    event_types: EventTypesIn,
}

/// What becomes of messages whose event type the organization does not use.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "EventTypeSettingsIn")]
struct EventTypesIn {
    /// Of one that does not exist.
    unknown: Unlisted,
    /// Of one that is archived.
    archived: Unlisted,
}

/// Settings to change. What is left out stays as it is.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "OrganizationSettingsPatch")]
pub struct SettingsPatch {
    #[serde(deserialize_with = "required_object")]
    event_types: EventTypesPatch,
}

/// What becomes of messages whose event type the organization does not use.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "EventTypeSettingsPatch")]
struct EventTypesPatch {
    /// Of one that does not exist.
    #[serde(deserialize_with = "not_null")]
    #[schemars(with = "Unlisted")]
    unknown: Option<Unlisted>,
    /// Of one that is archived.
    #[serde(deserialize_with = "not_null")]
    #[schemars(with = "Unlisted")]
    archived: Option<Unlisted>,
}

/// The settings as they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OrganizationSettingsOut")]
pub struct SettingsOut {
    event_types: EventTypesOut,
}

/// What becomes of messages whose event type the organization does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "EventTypeSettingsOut")]
struct EventTypesOut {
    /// Of one that does not exist.
    unknown: Unlisted,
    /// Of one that is archived.
    archived: Unlisted,
}

impl From<Settings> for SettingsOut {
    fn from(settings: Settings) -> Self {
        Self { event_types: EventTypesOut { unknown: settings.unknown, archived: settings.archived } }
    }
}

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// What the organization has settled, or what holds by default.
    pub async fn settings(&self, caller: &Caller) -> Result<SettingsOut, Problem> {
        caller.must_be_organization()?;
        Ok(self.directory.settings(&caller.org).await?.unwrap_or_default().into())
    }

    /// Settles everything anew.
    pub async fn put_settings(&self, caller: &Caller, body: &SettingsIn) -> Result<SettingsOut, Problem> {
        caller.must_be_organization()?;
        let EventTypesIn { unknown, archived } = body.event_types;
        let new = self.change_settings(&caller.org, |settings| Settings { unknown, archived, ..settings }).await?;
        changed!("settings.written", caller, unknown = ?new.unknown, archived = ?new.archived);
        Ok(new.into())
    }

    /// Settles what is given.
    pub async fn patch_settings(&self, caller: &Caller, patch: &SettingsPatch) -> Result<SettingsOut, Problem> {
        caller.must_be_organization()?;
        let EventTypesPatch { unknown, archived } = patch.event_types;
        let change = |settings: Settings| Settings {
            unknown: unknown.unwrap_or(settings.unknown),
            archived: archived.unwrap_or(settings.archived),
            ..settings
        };
        let new = self.change_settings(&caller.org, change).await?;
        changed!("settings.written", caller, unknown = ?new.unknown, archived = ?new.archived);
        Ok(new.into())
    }

    /// From now on publishing looks at event types: written before the first type that demands anything of payloads.
    pub(super) async fn look_at_event_types(&self, caller: &Caller) -> Result<(), Problem> {
        self.change_settings(&caller.org, |settings| Settings { validates: true, ..settings }).await.map(drop)
    }

    async fn change_settings(
        &self,
        org: &OrgId,
        change: impl Fn(Settings) -> Settings + Send + Sync,
    ) -> Result<Settings, Problem> {
        for _ in 0..TRIES {
            let old = self.directory.settings(org).await?;
            let base = old.unwrap_or_default();
            let new = Settings { rev: base.rev + 1, ..change(base) };
            if old.is_some() && new == (Settings { rev: new.rev, ..base }) {
                return Ok(base);
            }
            if written(self.directory.save_settings(org, &new, old.as_ref()).await?, busy)? {
                return Ok(new);
            }
        }
        Err(busy())
    }
}
