//! What the guide on verifying shows for Rust: a test compares the two, and runs this.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it is a program of somebody else's")]

use std::{env, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use standardwebhooks::Webhook;

async fn receive(State(webhook): State<Arc<Webhook>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match webhook.verify(&body, &headers) {
        Ok(()) => {
            println!("{:?} {:?}", headers.get("webhook-id"), headers.get("webhook-event-type"));
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

#[tokio::main]
async fn main() {
    let secret = env::var("WEBHOOK_SECRET").expect("WEBHOOK_SECRET");
    let webhook = Arc::new(Webhook::new(&secret).expect("a secret"));
    let app = Router::new().route("/webhooks", post(receive)).with_state(webhook);
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a port");
    axum::serve(listener, app).await.expect("serves");
}
