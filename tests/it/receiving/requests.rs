//! Around the signature: paths, methods, sizes, challenges, rotations, and what is gone.

use super::*;

/// Signs as GitHub does, with what is in `tests/clients`.
async fn github(tenant: &Tenant) -> Result<(String, Signed)> {
    let signed = sign(&[("github", "{}")]).await?.remove(0);
    Ok((source(tenant, json!({"type": "github", "uid": "github"}), &signed.secret).await?, signed))
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_methods_and_sizes_are_refused_before_anything_else() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("around").await?;
    let (path, signed) = github(&tenant).await?;
    for unknown in
        ["/in/src_2tAbcdefghijklmnopqrstuvwxy", "/in/github", "/in/%ff", "/in/app_2tAbcdefghijklmnopqrstuvwxy"]
    {
        send(&stack, Method::POST, unknown, &signed.headers, b"{}").await?.assert_refused(404, "not_found");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = send(&stack, method, &path, &signed.headers, b"").await?;
        assert_eq!((reply.status, reply.headers["allow"].to_str()?), (405, "POST"));
    }
    let large = vec![b' '; 262_145];
    send(&stack, Method::POST, &path, &signed.headers, &large).await?.assert_refused(413, "payload_too_large");
    assert_eq!(stored(&tenant).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn slacks_challenge_is_answered_if_it_is_signed_and_is_no_message() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("challenge").await?;
    let body = r#"{"token":"t","challenge":"3eZbrw1aB10FEMAGAZd4FyFQ","type":"url_verification"}"#;
    let signed = sign(&[("slack", body)]).await?.remove(0);
    let path = source(&tenant, json!({"type": "slack"}), &signed.secret).await?;
    let reply = send(&stack, Method::POST, &path, &signed.headers, body.as_bytes()).await?;
    assert_eq!((reply.status, reply.json()), (200, json!({"challenge": "3eZbrw1aB10FEMAGAZd4FyFQ"})));
    send(&stack, Method::POST, &path, &[], body.as_bytes()).await?.assert_refused(401, "bad_signature");
    assert_eq!(stored(&tenant).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_count_while_one_replaces_the_other() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("rotating").await?;
    let (path, before) = github(&tenant).await?;
    let after = sign(&[("github", "{}")]).await?.remove(0);
    let rotated = tenant.api.post("/source/github/rotate", &json!({"secret": after.secret})).await?;
    assert_eq!((rotated.status, rotated.text.as_str()), (204, ""));
    for signed in [&before, &after] {
        let reply = send(&stack, Method::POST, &path, &signed.headers, b"{}").await?;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    assert_eq!(stored(&tenant).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_disabled_or_whose_application_is_gone_is_not_found() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("gone").await?;
    let signed = sign(&[("github", "{}")]).await?.remove(0);
    let disabled = source(&tenant, json!({"type": "github", "disabled": true}), &signed.secret).await?;
    let path = source(&tenant, json!({"type": "github"}), &signed.secret).await?;
    assert_eq!(tenant.api.delete(&format!("/app/{}", tenant.app)).await?.status, 204);
    for path in [disabled, path] {
        let reply = send(&stack, Method::POST, &path, &signed.headers, b"{}").await?;
        reply.assert_refused(404, "not_found");
        assert_eq!(reply.json()["detail"], "Source not found");
    }
    Ok(())
}
