//! Applications.

use std::collections::BTreeMap;

use anyhow::Result;
use postrider_tests::{refusal, world};
use serde_json::{from_value as model, json};
use svix::models::ApplicationIn;

fn application(name: &str, uid: Option<&str>) -> ApplicationIn {
    ApplicationIn { uid: uid.map(str::to_owned), ..ApplicationIn::new(name.to_owned()) }
}

#[tokio::test]
async fn an_application_is_created_read_replaced_changed_and_deleted() -> Result<()> {
    let tenant = world().main().await?.tenant("applications").await?;
    let applications = tenant.svix.application();
    let metadata = BTreeMap::from([("plan".to_owned(), "gold \u{1f3c5}".to_owned())]);
    let full = ApplicationIn {
        throttle_rate: Some(65_535),
        metadata: Some(metadata.clone()),
        ..application("Acme, Inc. \u{fc}", Some("acme"))
    };
    let made = applications.create(full, None).await?;
    assert_eq!((made.name.as_str(), made.uid.as_deref()), ("Acme, Inc. \u{fc}", Some("acme")));
    assert_eq!((made.throttle_rate, &made.metadata), (Some(65_535), &metadata));
    assert!(made.id.starts_with("app_") && made.id.len() == 31, "{}", made.id);
    for name in [&made.id, "acme"] {
        assert_eq!(applications.get(name.to_string()).await?, made);
    }
    // A PUT sets what it does not name to its default; the uid by which it was addressed stays.
    let put = applications.upsert("acme".to_owned(), application("B", None)).await?;
    assert_eq!((put.id.as_str(), put.name.as_str(), put.uid.as_deref()), (made.id.as_str(), "B", Some("acme")));
    assert_eq!((put.throttle_rate, put.metadata.len()), (None, 0));
    assert!(put.updated_at > made.updated_at && put.created_at == made.created_at);
    let put = applications.upsert(made.id.clone(), application("B", None)).await?;
    assert_eq!(put.uid, None);
    // A PATCH keeps what it does not name.
    let body = json!({"uid": "b", "throttleRate": 7, "metadata": {"a": "b"}});
    let patched = applications.patch(made.id.clone(), model(body)?).await?;
    assert_eq!((patched.name.as_str(), patched.uid.as_deref(), patched.throttle_rate), ("B", Some("b"), Some(7)));
    let same = applications.patch("b".to_owned(), model(json!({}))?).await?;
    assert_eq!((same.uid.as_deref(), same.throttle_rate, same.metadata.len()), (Some("b"), Some(7), 1));
    assert!(same.updated_at > patched.updated_at);
    // `null` clears; metadata is replaced as a whole.
    let body = json!({"uid": null, "throttleRate": null, "metadata": {"c": "d"}, "name": "C"});
    let cleared = applications.patch("b".to_owned(), model(body)?).await?;
    assert_eq!((cleared.name.as_str(), cleared.uid.as_deref(), cleared.throttle_rate), ("C", None, None));
    assert_eq!(cleared.metadata, BTreeMap::from([("c".to_owned(), "d".to_owned())]));
    applications.delete(made.id.clone()).await?;
    assert_eq!(refusal(applications.get(made.id.clone()).await), 404);
    assert_eq!(refusal(applications.delete(made.id).await), 404);
    Ok(())
}

#[tokio::test]
async fn a_put_at_a_new_uid_creates_the_application_once() -> Result<()> {
    let tenant = world().main().await?.tenant("put-application").await?;
    let put = async |name: &str| tenant.api.put("/app/fresh", &json!({ "name": name })).await;
    let (first, again) = (put("A").await?, put("B").await?);
    assert_eq!((first.status, again.status), (201, 200), "{} {}", first.text, again.text);
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!((&again.json()["uid"], &again.json()["name"]), (&json!("fresh"), &json!("B")));
    let unknown = "app_2tAbcdefghijklmnopqrstuvwxy";
    tenant.api.put(&format!("/app/{unknown}"), &json!({"name": "A"})).await?.assert_refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn an_application_that_exists_may_be_got_by_creating_it() -> Result<()> {
    let tenant = world().main().await?.tenant("get-if-exists").await?;
    let applications = tenant.svix.application();
    let made = applications.get_or_create(application("A", Some("a")), None).await?;
    let found = applications.get_or_create(application("B", Some("a")), None).await?;
    assert_eq!(found, made);
    let body = json!({"name": "B", "uid": "a"});
    assert_eq!(tenant.api.post("/app?get_if_exists=true", &body).await?.status, 200);
    // Without a uid there is nothing to look for.
    let others = [application("A", None), application("A", None)];
    for other in others {
        assert_ne!(applications.get_or_create(other, None).await?.id, made.id);
    }
    assert_eq!(applications.list(None).await?.data.len(), 4);
    Ok(())
}

#[tokio::test]
async fn of_many_that_get_or_create_one_application_at_once_all_get_the_same() -> Result<()> {
    let tenant = world().main().await?.tenant("get-race").await?;
    let applications = tenant.svix.application();
    let get = || applications.get_or_create(application("A", Some("a")), None);
    let (a, b, c, d) = tokio::try_join!(get(), get(), get(), get())?;
    assert!([&b, &c, &d].iter().all(|other| other.id == a.id), "{a:?} {b:?} {c:?} {d:?}");
    Ok(())
}

#[tokio::test]
async fn a_uid_belongs_to_one_application_until_it_is_given_up() -> Result<()> {
    let tenant = world().main().await?.tenant("uid-conflict").await?;
    let applications = tenant.svix.application();
    let first = applications.create(application("A", Some("a")), None).await?;
    let second = applications.create(application("B", Some("b")), None).await?;
    let taken = json!({"name": "C", "uid": "a"});
    tenant.api.post("/app", &taken).await?.assert_refused(409, "conflict");
    tenant.api.put("/app/b", &taken).await?.assert_refused(409, "conflict");
    tenant.api.put("/app/new", &taken).await?.assert_refused(409, "conflict");
    tenant.api.patch("/app/b", &taken).await?.assert_refused(409, "conflict");
    assert_eq!(applications.get("b".to_owned()).await?, second);
    // To take its own uid again is no conflict; to move it, or to delete the application, frees it.
    applications.patch("a".to_owned(), model(json!({"uid": "a"}))?).await?;
    applications.patch("a".to_owned(), model(json!({"uid": "c"}))?).await?;
    applications.patch("b".to_owned(), model(json!({"uid": "a"}))?).await?;
    assert_eq!(applications.get("a".to_owned()).await?.id, second.id);
    assert_eq!(applications.get("c".to_owned()).await?.id, first.id);
    applications.delete("a".to_owned()).await?;
    assert_eq!(refusal(applications.get("a".to_owned()).await), 404);
    let third = applications.create(application("C", Some("a")), None).await?;
    assert_eq!(applications.get("a".to_owned()).await?.id, third.id);
    Ok(())
}
