//! Functions that die at a bad moment.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use postrider_local::kill;

use crate::{Stack, World, world};

impl World {
    /// A stack whose delivery function is killed now and then: what it held is handed out again within seconds. Every
    /// wait is parked.
    pub async fn fragile(&self) -> Result<Arc<Stack>> {
        let parameters = [
            ("ParkAfterSeconds", "0"),
            // The attempt's 5 seconds, 5 for the record, and 2 for a busy machine.
            ("DeliveryTimeoutSeconds", "12"),
            ("QueueVisibilitySeconds", "12"),
            ("DeliveryConcurrency", "4"),
            ("MaxReceives", "100"),
        ];
        self.stack("fragile", &parameters).await
    }
}

impl Stack {
    /// Kills (SIGKILL) one of the processes that run a function now.
    pub fn kill_one(&self, function: &str) -> Result<()> {
        let processes = world().emulator.processes(&self.deployment.function(function))?;
        kill(*processes.first().context("none runs")?)
    }

    /// Kills every process that runs a function now; gives how many there were.
    pub fn kill(&self, function: &str) -> Result<usize> {
        let processes = world().emulator.processes(&self.deployment.function(function))?;
        // One may have ended by itself meanwhile.
        Ok(processes.into_iter().filter(|pid| kill(*pid).is_ok()).count())
    }
}
