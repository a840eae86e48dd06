//! The delivery queues, for those who fill them.

use postrider_core::ports::{LONGEST_DELAY, Outbox, Parcel, Unavailable, Way};

use super::{
    Queues,
    inbox::seconds,
    send::{Entry, send_all},
};

impl Outbox for Queues {
    async fn send(&self, parcels: &[Parcel]) -> Result<(), Unavailable> {
        let of = |way| -> Vec<&Parcel> { parcels.iter().filter(|parcel| parcel.way == way).collect() };
        let (prompt, retry) = (of(Way::Prompt), of(Way::Retry));
        futures::try_join!(
            send_all(&self.client, self.url(Way::Prompt), &prompt, entry),
            send_all(&self.client, self.url(Way::Retry), &retry, entry),
        )?;
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a list of references is sent")]
fn entry(parcel: &&Parcel) -> Entry {
    let delay = seconds(parcel.delay.min(LONGEST_DELAY));
    Entry {
        body: parcel.content.encode(),
        group: Some(parcel.content.endpoint().to_string()),
        attributes: Vec::new(),
        delay: Some(delay).filter(|delay| *delay > 0),
    }
}
