//! Every operation of the contract, by the published client of this language.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use postrider_tests::{Recorded, Tenant, client, eventually, refusal};
use serde_json::json;
use svix::{
    api::{EventTypeDeleteOptions, MessageAttemptListAttemptedMessagesOptions, MessageGetOptions, Svix},
    models::{
        AppPortalAccessIn, ApplicationIn, ApplicationPatch, BackgroundTaskType, EndpointHeadersIn,
        EndpointHeadersPatchIn, EndpointIn, EndpointPatch, EndpointSecretRotateIn, EndpointUpsertIn, EventExampleIn,
        EventTypeIn, EventTypePatch, EventTypeUpsertIn, MessageAttemptTriggerType, MessageIn, MessageOut,
        MessageStatus, RecoverIn,
    },
};

/// Calls them all.
pub(super) async fn all(recorded: &Recorded, token: &str, tenant: &Tenant) -> Result<()> {
    let client = Client { svix: client(recorded.url(), token), hook: tenant.receiver.url("/hook") };
    client.svix.health().get().await?;
    let app = client.applications().await?;
    client.event_types().await?;
    let endpoint = client.endpoints(&app).await?;
    let message = client.messages(&app, &endpoint).await?;
    client.tools(&app, &endpoint, &message).await?;
    client.authentication(recorded, &app).await?;
    client.svix.endpoint().delete(app.clone(), endpoint.clone()).await?;
    assert_eq!(refusal(client.svix.endpoint().get(app.clone(), endpoint).await), 404);
    client.svix.application().delete(app.clone()).await?;
    assert_eq!(refusal(client.svix.application().get(app).await), 404);
    Ok(())
}

struct Client {
    svix: Svix,
    /// Answers 200.
    hook: String,
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Client {
    async fn applications(&self) -> Result<String> {
        let apps = self.svix.application();
        let named = |name: &str| ApplicationIn { uid: Some("shop".to_owned()), ..ApplicationIn::new(name.to_owned()) };
        let app = apps.create(named("Shop"), None).await?;
        assert_eq!((app.name.as_str(), app.uid.as_deref()), ("Shop", Some("shop")));
        assert_eq!(apps.get_or_create(named("Other"), None).await?.id, app.id);
        assert!(apps.list(None).await?.data.iter().any(|one| one.id == app.id));
        assert_eq!(apps.get("shop".to_owned()).await?.id, app.id);
        assert_eq!(apps.upsert(app.id.clone(), named("Store")).await?.name, "Store");
        let patch = ApplicationPatch { metadata: Some(map(&[("plan", "b")])), ..ApplicationPatch::new() };
        let patched = apps.patch(app.id.clone(), patch).await?;
        assert_eq!((patched.name.as_str(), patched.metadata), ("Store", map(&[("plan", "b")])));
        Ok(app.id)
    }

    async fn event_types(&self) -> Result<()> {
        let kinds = self.svix.event_type();
        let name = || "invoice.paid".to_owned();
        let kind = kinds.create(EventTypeIn::new(name(), "Paid".to_owned()), None).await?;
        assert_eq!((kind.name, kind.description.as_str()), (name(), "Paid"));
        let names: Vec<_> = kinds.list(None).await?.data.into_iter().map(|one| one.name).collect();
        assert_eq!(names, [name()]);
        let put = kinds.upsert(name(), EventTypeUpsertIn::new("Was paid".to_owned())).await?;
        assert_eq!(put.description, "Was paid");
        let archived = EventTypePatch { archived: Some(true), ..EventTypePatch::new() };
        assert_eq!(kinds.patch(name(), archived).await?.archived, Some(true));
        assert_eq!(kinds.get(name()).await?.description, "Was paid");
        kinds.delete(name(), Some(EventTypeDeleteOptions { expunge: Some(true) })).await?;
        assert_eq!(refusal(kinds.get(name()).await), 404);
        Ok(())
    }

    async fn endpoints(&self, app: &str) -> Result<String> {
        let (endpoints, app) = (self.svix.endpoint(), || app.to_owned());
        let uid = Some("hook".to_owned());
        let first = EndpointIn { uid: uid.clone(), ..EndpointIn::new(self.hook.clone()) };
        let made = endpoints.create(app(), first, None).await?;
        assert_eq!(made.url, self.hook);
        let listed: Vec<_> = endpoints.list(app(), None).await?.data.into_iter().map(|one| one.id).collect();
        assert_eq!(listed, std::slice::from_ref(&made.id));
        assert_eq!(endpoints.get(app(), "hook".to_owned()).await?.id, made.id);
        let second = Some("Second".to_owned());
        let put = EndpointUpsertIn { uid, description: second, ..EndpointUpsertIn::new(self.hook.clone()) };
        assert_eq!(endpoints.upsert(app(), made.id.clone(), put).await?.description, "Second");
        let patch = EndpointPatch { metadata: Some(map(&[("team", "a")])), ..EndpointPatch::new() };
        let patched = endpoints.patch(app(), made.id.clone(), patch).await?;
        assert_eq!((patched.description.as_str(), patched.metadata), ("Second", map(&[("team", "a")])));
        self.secret_and_headers(app(), made.id.clone()).await?;
        Ok(made.id)
    }

    async fn secret_and_headers(&self, app: String, endpoint: String) -> Result<()> {
        let (endpoints, of) = (self.svix.endpoint(), || (app.clone(), endpoint.clone()));
        let secret = endpoints.get_secret(of().0, of().1).await?.key;
        let rotated = endpoints.rotate_secret(of().0, of().1, EndpointSecretRotateIn::new(), None).await?.key;
        assert!(rotated.starts_with("whsec_") && rotated != secret);
        assert_eq!(endpoints.get_secret(of().0, of().1).await?.key, rotated);

        let headers = EndpointHeadersIn::new(map(&[("x-shop", "1"), ("authorization", "me")]));
        endpoints.set_headers(of().0, of().1, headers).await?;
        let shown = endpoints.get_headers(of().0, of().1).await?;
        assert_eq!((shown.headers, shown.sensitive), (map(&[("x-shop", "1")]), ["authorization".to_owned()].into()));
        endpoints.patch_headers(of().0, of().1, EndpointHeadersPatchIn::new(map(&[("x-more", "2")]))).await?;
        let shown = endpoints.get_headers(of().0, of().1).await?.headers;
        assert_eq!(shown, map(&[("x-shop", "1"), ("x-more", "2")]));
        Ok(())
    }

    async fn messages(&self, app: &str, endpoint: &str) -> Result<MessageOut> {
        let (messages, app) = (self.svix.message(), || app.to_owned());
        let event = MessageIn::new("order.paid".to_owned(), json!({"total": 2}));
        let event = MessageIn { event_id: Some("order-1".to_owned()), ..event };
        let made = messages.create(app(), event, None).await?;
        assert_eq!((made.event_type.as_str(), made.event_id.as_deref()), ("order.paid", Some("order-1")));
        let listed: Vec<_> = messages.list(app(), None).await?.data.into_iter().map(|one| one.id).collect();
        assert_eq!(listed, std::slice::from_ref(&made.id));
        // The client asks for messages without their content, unless it is told to.
        let whole = || Some(MessageGetOptions { with_content: Some(true) });
        assert_eq!(messages.get(app(), "order-1".to_owned(), whole()).await?.payload, json!({"total": 2}));
        self.attempts(&app(), endpoint, &made.id).await?;
        messages.expunge_content(app(), made.id.clone()).await?;
        assert_eq!(messages.get(app(), made.id.clone(), whole()).await?.payload, json!({"expired": true}));
        Ok(made)
    }

    /// By whom they were caused, newest first, once there are so many.
    async fn triggers(&self, app: &str, message: &str, count: usize) -> Result<Vec<MessageAttemptTriggerType>> {
        eventually("the attempts", || async {
            let list = self.svix.message_attempt().list_by_msg(app.to_owned(), message.to_owned(), None).await?.data;
            Ok((list.len() == count).then(|| list.iter().map(|one| one.trigger_type).collect()))
        })
        .await
    }

    async fn attempts(&self, app: &str, endpoint: &str, message: &str) -> Result<()> {
        let (attempts, of) = (self.svix.message_attempt(), || (app.to_owned(), message.to_owned()));
        self.triggers(app, message, 1).await?;
        let list = attempts.list_by_endpoint(app.to_owned(), endpoint.to_owned(), None).await?.data;
        let first = &list.first().context("an attempt")?.id;
        let got = attempts.get(of().0, of().1, first.clone(), None).await?;
        assert_eq!((got.msg_id.as_str(), got.endpoint_id.as_str()), (message, endpoint));
        assert_eq!((got.status, got.response_status_code), (MessageStatus::Success, 200));
        let whole = Some(MessageAttemptListAttemptedMessagesOptions { with_content: Some(true), ..Default::default() });
        let attempted = attempts.list_attempted_messages(app.to_owned(), endpoint.to_owned(), whole).await?.data;
        let attempted: Vec<_> = attempted.iter().map(|one| (one.id.as_str(), &one.payload)).collect();
        assert_eq!(attempted, [(message, &json!({"total": 2}))]);
        let destinations = attempts.list_attempted_destinations(of().0, of().1, None).await?.data;
        let destinations: Vec<_> = destinations.iter().map(|one| (one.id.as_str(), one.url.as_str())).collect();
        assert_eq!(destinations, [(endpoint, self.hook.as_str())]);

        attempts.resend(of().0, of().1, endpoint.to_owned(), None).await?;
        let triggers = self.triggers(app, message, 2).await?;
        assert_eq!(triggers, [MessageAttemptTriggerType::Manual, MessageAttemptTriggerType::Scheduled]);
        attempts.expunge_content(of().0, of().1, first.clone()).await?;
        assert_eq!(attempts.get(of().0, of().1, first.clone(), None).await?.response, "EXPUNGED");
        Ok(())
    }

    async fn tools(&self, app: &str, endpoint: &str, message: &MessageOut) -> Result<()> {
        let (endpoints, of) = (self.svix.endpoint(), || (app.to_owned(), endpoint.to_owned()));
        let ping = EventExampleIn::new("svix.ping".to_owned());
        let example = endpoints.send_example(of().0, of().1, ping, None).await?;
        assert_eq!(example.event_type, "svix.ping");
        self.triggers(app, &example.id, 1).await?;
        eventually("both are counted", || async {
            let stats = endpoints.get_stats(of().0, of().1, None).await?;
            Ok((stats.success == 2).then_some(()))
        })
        .await?;
        let task = endpoints.recover(of().0, of().1, RecoverIn::new(message.timestamp), None).await?;
        assert!(task.id.starts_with("qtask_") && task.task == BackgroundTaskType::EndpointRecover);
        Ok(())
    }

    async fn authentication(&self, recorded: &Recorded, app: &str) -> Result<()> {
        let authentication = self.svix.authentication();
        let access = authentication.app_portal_access(app.to_owned(), AppPortalAccessIn::new(), None).await?;
        assert!(access.url.ends_with(&access.token));
        let portal = client(recorded.url(), &access.token);
        assert_eq!(portal.application().get(app.to_owned()).await?.id, app);
        portal.authentication().logout(None).await?;
        eventually("the token is refused", || async {
            let answer = portal.application().get(app.to_owned()).await;
            Ok(answer.is_err().then(|| refusal(answer)))
        })
        .await
        .map(|status| assert_eq!(status, 401))
    }
}
