//! Events as producers publish them.

use std::{ops::Range, time::Duration};

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_tests::Tenant;
use serde_json::{Value, json};

pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// What is published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Messages in a request.
    pub(crate) batch: usize,
    /// Endpoints.
    pub(crate) fan_out: usize,
    /// Of a payload, about.
    pub(crate) bytes: usize,
    pub(crate) requests: usize,
    /// Requests at once.
    pub(crate) at_once: usize,
}

impl Load {
    /// Deliveries that come of it.
    pub(crate) const fn events(&self) -> usize {
        self.batch * self.fan_out * self.requests
    }

    /// With keys, as the client libraries send them. Each number is a request, and a key of its own.
    pub(crate) async fn publish(&self, tenant: &Tenant, numbers: Range<usize>) -> Result<()> {
        let post = |n| self.post(tenant, n);
        stream::iter(numbers.map(post)).buffer_unordered(self.at_once).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    async fn post(&self, tenant: &Tenant, n: usize) -> Result<()> {
        let Self { batch, bytes, .. } = *self;
        let message = |nth: usize| json!({"eventType": "order.placed", "payload": payload(bytes, n * batch + nth)});
        let (path, body) = if batch == 1 {
            (format!("/app/{}/msg?with_content=false", tenant.app), message(0))
        } else {
            let messages: Vec<_> = (0..batch).map(message).collect();
            (format!("/app/{}/msg/batch?with_content=false", tenant.app), json!({ "messages": messages }))
        };
        let key = format!("{batch}-{bytes}-{n}");
        let headers = [("idempotency-key", key.as_str()), ("content-type", "application/json")];
        let reply = tenant.api.post_raw(&path, &headers, body.to_string()).await?;
        ensure!(reply.status == 202, "{}", reply.text);
        Ok(())
    }
}

/// An order with as many lines as it takes.
fn payload(bytes: usize, n: usize) -> Value {
    let line =
        |n: usize| json!({"sku": format!("sku-{n:04}"), "quantity": n % 9 + 1, "price": n * 199, "currency": "eur"});
    let one = line(1).to_string().len() + 1;
    let lines: Vec<_> = (0..bytes / one).map(|nth| line(nth * 7 + n)).collect();
    json!({"order": format!("ord_{n:06}"), "lines": lines})
}
