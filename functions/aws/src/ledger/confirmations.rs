//! Deliveries that their receivers confirm.

use std::time::Duration;

use postrider_core::{
    confirm::Confirmation,
    delivery::Delivery,
    ids::MessageId,
    ports::{Confirming, Unavailable},
};

use super::{Ledger, deliveries::put_record, items::set_expires};
use crate::dynamo::{keyed, text};

/// Longer than the delivery waits for it.
const KEPT: Duration = Duration::from_hours(24);

pub(super) fn confirmation_key(message: MessageId) -> String {
    format!("confirmed#{message}")
}

impl Confirming for Ledger {
    async fn confirm(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        put_record(&self.table, delivery).await
    }

    async fn note_confirmation(&self, confirmation: &Confirmation) -> Result<(), Unavailable> {
        let mut item = keyed(confirmation.endpoint, confirmation_key(confirmation.message));
        item.insert("attempt".to_owned(), text(confirmation.attempt));
        set_expires(&mut item, confirmation.expires_at.plus(KEPT));
        self.table.put(item).await
    }
}
