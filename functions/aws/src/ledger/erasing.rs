//! Applications that are removed, from both tables.

use postrider_core::{
    ids::{AppId, EndpointId},
    ports::{Erasing, Holdings, Remains, Unavailable},
};

use super::Ledger;
use crate::dynamo::{Range, batch_delete};

/// Items removed at a time.
const SOME: usize = 250;

impl Erasing for Ledger {
    async fn remains(&self, app: AppId) -> Result<Remains, Unavailable> {
        self.config.remains(app).await
    }

    async fn strip(&self, app: AppId) -> Result<bool, Unavailable> {
        self.config.strip(app, SOME).await
    }

    async fn stripped(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Vec<EndpointId>, Unavailable> {
        self.config.stripped(app, after, limit).await
    }

    async fn clear(&self, holdings: Holdings) -> Result<bool, Unavailable> {
        let partition = match holdings {
            Holdings::Application(app) => app.to_string(),
            Holdings::Endpoint(endpoint) => endpoint.to_string(),
        };
        let (keys, complete) = self.table.keys(&Range::whole(partition), SOME).await?;
        batch_delete(&self.table, keys).await?;
        Ok(complete)
    }

    async fn forget(&self, app: AppId) -> Result<bool, Unavailable> {
        self.config.forget(app, SOME).await
    }
}
