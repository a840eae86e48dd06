//! The catalogue in events/catalogue: every example satisfies its schema, and all of it can be imported and demanded.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use postrider_core::openapi::{Webhook, webhooks};
use postrider_schema::{Rule as _, Schema};
use postrider_tests::world;
use serde_json::{Value, json};

fn documents() -> Result<Vec<(String, Value)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events/catalogue");
    let mut all = Vec::new();
    for file in fs::read_dir(&folder).context("the catalogue")? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".openapi.json") {
            let document = serde_json::from_str(&fs::read_to_string(&path)?).with_context(|| name.clone())?;
            all.push((name, document));
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all)
}

fn read(document: &Value) -> Result<Vec<Webhook>> {
    webhooks(document).map_err(|fault| anyhow::anyhow!("{fault:?}"))
}

#[test]
fn every_example_satisfies_its_schema_and_an_empty_payload_does_not() -> Result<()> {
    let documents = documents()?;
    assert_eq!(documents.len(), 6, "{:?}", documents.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for (file, document) in &documents {
        let all = read(document)?;
        assert!((4..=8).contains(&all.len()), "{file}: {}", all.len());
        for webhook in all {
            let about = format!("{file}: {}", webhook.name);
            assert!(webhook.description.len() > 10, "{about}");
            let schema = webhook.schema.context(about.clone())?;
            let examples = schema["examples"].as_array().with_context(|| about.clone())?;
            assert!(!examples.is_empty(), "{about}");
            let compiled = Schema::compile(&schema).map_err(|fault| anyhow::anyhow!("{about}: {fault:?}"))?;
            for example in examples {
                assert_eq!(compiled.faults(example, 9), [], "{about}");
            }
            assert!(!compiled.faults(&json!({}), 9).is_empty(), "{about}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_whole_catalogue_is_imported_demanded_and_published() -> Result<()> {
    let tenant = world().main().await?.tenant("catalogue").await?;
    let mut published = 0;
    for (file, document) in documents()? {
        let body = json!({"spec": document});
        let first = tenant.api.post("/event-type/import/openapi", &body).await?;
        ensure!(first.status == 200, "{file}: {}", first.text);
        let all = read(&document)?;
        assert_eq!(first.json()["data"]["modified"].as_array().map(Vec::len), Some(all.len()), "{file}");
        let again = tenant.api.post("/event-type/import/openapi", &body).await?;
        assert_eq!(again.json()["data"]["modified"], json!([]), "{file}");
        for webhook in all {
            let demand = json!({"validation": {"payload": "enforce"}});
            let patched = tenant.api.patch(&format!("/event-type/{}", webhook.name), &demand).await?;
            ensure!(patched.status == 200, "{}: {}", webhook.name, patched.text);
            let example = webhook.schema.context("a schema")?["examples"][0].clone();
            let path = format!("/app/{}/msg", tenant.app);
            let reply = tenant.api.post(&path, &json!({"eventType": webhook.name, "payload": example})).await?;
            ensure!(reply.status == 202, "{}: {}", webhook.name, reply.text);
            published += 1;
        }
    }
    assert!(published >= 24, "{published}");
    Ok(())
}
