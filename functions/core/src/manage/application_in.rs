//! What is sent to make or change an application, and its rules.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    entity::{Application, Metadata},
    given::{Given, not_null, object},
    ids::{AppId, Id as _, Ksuid, OrgId},
    problem::{Item, Problem},
    rules::Check,
    shapes::{MetadataShape, Rate, Text, Uid},
};

/// Messages per second.
const PUBLISH_RATES: std::ops::RangeInclusive<u32> = 1..=100_000;

/// An application to be made, or to take the place of the one that is there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationIn {
    /// What people call it.
    #[schemars(with = "Text", length(min = 1), example = "Acme Inc.")]
    name: String,
    /// Your own name for it, usable in place of its id.
    #[serde(default)]
    #[schemars(with = "Given<Uid<AppId>>", example = &"acme")]
    pub(super) uid: Given<String>,
    /// Deliveries a second to all its endpoints together, at most.
    #[serde(default)]
    #[schemars(with = "Option<Rate>")]
    throttle_rate: Option<u16>,
    /// An older name of `throttleRate`.
    #[serde(default)]
    #[schemars(with = "Option<Rate>", extend("deprecated" = true))]
    rate_limit: Option<u16>,
    #[serde(default)]
    #[schemars(with = "Option<MetadataShape>")]
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "object")]
    delivery: Given<PublishingIn>,
}

/// What to change of an application. What is not given stays as it is; `null` unsets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationPatch {
    /// What people call it.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "Text", length(min = 1), example = "Acme Inc.")]
    name: Option<String>,
    /// Your own name for it, usable in place of its id.
    #[serde(default)]
    #[schemars(with = "Given<Uid<AppId>>", example = &"acme")]
    uid: Given<String>,
    /// Deliveries a second to all its endpoints together, at most.
    #[serde(default)]
    #[schemars(with = "Given<Rate>")]
    throttle_rate: Given<u16>,
    /// An older name of `throttleRate`.
    #[serde(default)]
    #[schemars(with = "Given<Rate>", extend("deprecated" = true))]
    rate_limit: Given<u16>,
    #[serde(default)]
    #[schemars(with = "Given<MetadataShape>")]
    metadata: Given<Metadata>,
    #[serde(default, deserialize_with = "object")]
    delivery: Given<PublishingIn>,
}

/// What Postrider adds to an application of the contract.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "ApplicationDeliveryIn")]
struct PublishingIn {
    /// Messages a second that are taken in, at most.
    #[schemars(range(min = *PUBLISH_RATES.start(), max = *PUBLISH_RATES.end()), example = 500)]
    publish_rate: Given<u32>,
}

fn check(
    name: Option<&String>,
    uid: &Given<String>,
    metadata: Option<&Metadata>,
    delivery: Given<PublishingIn>,
) -> Check {
    let mut check = Check::default();
    if let Some(name) = name {
        if name.is_empty() {
            check.fail(&["body", "name"], "must not be empty");
        }
        check.text("name", name);
    }
    check.uid("uid", uid.value().map(String::as_str), AppId::PREFIX);
    if let Some(metadata) = metadata {
        check.metadata(metadata);
    }
    if delivery
        .into_value()
        .and_then(|given| given.publish_rate.into_value())
        .is_some_and(|rate| !PUBLISH_RATES.contains(&rate))
    {
        check.fail(&["body", "delivery", "publishRate"], "must be 1 to 100000, or be left out");
    }
    check
}

impl ApplicationIn {
    /// Checks every rule.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let mut check = check(Some(&self.name), &self.uid, self.metadata.as_ref(), self.delivery);
        check.rates(self.throttle_rate, self.rate_limit);
        check.finish()
    }

    /// Puts everything into the application; what was not given falls to its default.
    pub(super) fn fill(&self, app: &mut Application, uid: Option<String>) {
        app.uid = uid;
        app.name.clone_from(&self.name);
        app.throttle_rate = self.throttle_rate.or(self.rate_limit);
        app.metadata = self.metadata.clone().unwrap_or_default();
        app.publish_rate = self.delivery.into_value().and_then(|given| given.publish_rate.into_value());
    }

    /// The new application for a path that names none: with a message, or with a portal access. Its uid must be what the
    /// path says, or the next call would not find it.
    pub(crate) fn missing(&self, org: &OrgId, id: Ksuid, segment: &str) -> Result<Application, Problem> {
        let wrong = |kind, msg: &'static str| {
            let item = Item { kind, ..Item::rule(&["body", "application", "uid"], msg) };
            Err(Problem::Invalid(vec![item]))
        };
        match self.uid.value() {
            None => wrong("application_uid_missing", "must be the uid in the path, for the application to be created"),
            Some(uid) if uid != segment => wrong("application_uid_mismatch", "must be the same as the uid in the path"),
            Some(uid) => Ok(self.create(org, id, Some(uid.clone()))),
        }
    }

    /// A new application.
    pub(super) fn create(&self, org: &OrgId, id: Ksuid, uid: Option<String>) -> Application {
        let mut app = Application {
            id: AppId::from_ksuid(id),
            org: org.clone(),
            uid: None,
            name: String::new(),
            throttle_rate: None,
            publish_rate: None,
            metadata: Metadata::new(),
            created_at: id.time(),
            updated_at: id.time(),
            rev: 1,
        };
        self.fill(&mut app, uid);
        app
    }
}

impl ApplicationPatch {
    /// Checks every rule.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let mut check = check(self.name.as_ref(), &self.uid, self.metadata.value(), self.delivery);
        check.rates(self.throttle_rate.into_value(), self.rate_limit.into_value());
        check.finish()
    }

    /// Changes what was given.
    pub(super) fn apply(&self, app: &mut Application) {
        if let Some(name) = &self.name {
            app.name.clone_from(name);
        }
        self.uid.clone().apply(&mut app.uid);
        self.throttle_rate.or(self.rate_limit).apply(&mut app.throttle_rate);
        self.metadata.clone().apply_or_default(&mut app.metadata);
        match self.delivery {
            Given::Absent => {}
            Given::Null => app.publish_rate = None,
            Given::Value(given) => given.publish_rate.apply(&mut app.publish_rate),
        }
    }
}
