//! An endpoint's health: what this instance remembers of it, and what it writes.

use std::time::Duration;

use super::{Courier, Queues, Store};
use crate::{
    entity::Endpoint,
    health::{Disabled, Health, Sign},
    ids::{AppId, EndpointId},
    metric::Metric,
    outbound::Sender,
    ports::{Ambient, Keys, Owner, chain},
    time::Time,
};

const REMEMBERED: usize = 10_000;
/// Others that write first are waited out so often.
const TRIES: usize = 4;

/// Something that is to be written on an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lesson {
    /// Its health has changed, from what it was.
    Health { from: Health, to: Health },
    /// It is to be disabled.
    Disable(Disabled),
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Takes note of a request.
    pub(super) fn lesson(&self, endpoint: &Endpoint, sign: Sign, disable: Option<Disabled>) -> Option<Lesson> {
        if let Some(why) = disable {
            return Some(Lesson::Disable(why));
        }
        let now = self.ambient.now();
        let health = &endpoint.health;
        let failing = health.failing_since.map_or(Duration::ZERO, |since| since.until(now));
        // A success in between would have been written; where nothing was sent, nothing is known.
        let forgotten = failing > self.settings.disable_after * 2;
        let repeated = sign.again || sign.probe;
        if !sign.succeeded && repeated && failing >= self.settings.disable_after && !forgotten {
            return Some(Lesson::Disable(Disabled::Failing));
        }
        let standing = if forgotten { Health { failing_since: None, ..health.clone() } } else { health.clone() };
        let mut pulses = self.pulses.lock().ok()?;
        if pulses.len() >= REMEMBERED {
            pulses.clear();
        }
        let to = pulses.entry(endpoint.id).or_default().note(sign, &standing, now)?;
        Some(Lesson::Health { from: health.clone(), to })
    }

    /// For how long this instance makes no request to it, if it shuns it.
    pub(super) fn shunned(&self, endpoint: EndpointId) -> Option<Duration> {
        self.pulses.lock().ok()?.get(&endpoint)?.shunned(self.ambient.now())
    }

    /// Writes what was learned, unless it has become untrue.
    pub(super) async fn tend(&self, endpoint: &Endpoint, lesson: &Lesson, owner: Option<&Owner>) {
        let mut read = Some(endpoint.clone());
        for _ in 0..TRIES {
            let Some(old) = read.take() else { return };
            // A lesson about the endpoint as it was before somebody mended it is none.
            if old.url != endpoint.url || old.delivery != endpoint.delivery {
                return;
            }
            let Some(new) = taught(&old, endpoint, lesson) else { return };
            match self.store.save_health(&new, &old).await {
                Ok(true) => return self.tended(&new, lesson, owner).await,
                Ok(false) => read = self.read_again(old.app, old.id).await,
                Err(error) => {
                    tracing::error!(endpoint = %old.id, error = %chain(&error), "an endpoint's health could not be written");
                    return;
                }
            }
        }
    }

    async fn tended(&self, endpoint: &Endpoint, lesson: &Lesson, owner: Option<&Owner>) {
        self.renew(endpoint);
        match lesson {
            Lesson::Disable(why) => {
                tracing::warn!(endpoint = %endpoint.id, app = %endpoint.app, ?why, "endpoint disabled");
                Metric::EndpointDisabled.count();
                self.tell_disabled(endpoint, owner).await;
            }
            Lesson::Health { to, .. } => {
                tracing::info!(
                    endpoint = %endpoint.id, app = %endpoint.app, open_until = to.open.map(|open| open.until.to_string()),
                    slow = to.slow, failing_since = to.failing_since.map(|since| since.to_string()),
                    "endpoint health changed"
                );
                Metric::CircuitOpened.count_all(usize::from(to.open.is_some()));
            }
        }
    }

    /// Takes the right to make the probe of an open circuit, until this invocation is over for certain; gives the endpoint
    /// as it stands then.
    pub(super) async fn claim_probe(&self, endpoint: &Endpoint, deadline: Time) -> Option<Endpoint> {
        let mut claimed = endpoint.clone();
        let open = claimed.health.open.as_mut()?;
        // Of two that ask at the same moment the writes must differ, or both would count as done.
        let own = Duration::from_micros(u64::from(u16::from_be_bytes(self.ambient.random())));
        open.until = deadline.plus(super::SOON).plus(own);
        claimed.rev += 1;
        match self.store.save_health(&claimed, endpoint).await {
            Ok(true) => {
                self.renew(&claimed);
                Some(claimed)
            }
            Ok(false) => {
                self.read_again(endpoint.app, endpoint.id).await;
                None
            }
            Err(error) => {
                tracing::error!(endpoint = %endpoint.id, error = %chain(&error), "a probe could not be claimed");
                None
            }
        }
    }

    async fn read_again(&self, app: AppId, endpoint: EndpointId) -> Option<Endpoint> {
        let known = self.store.load(&[], &[(app, endpoint)]).await.ok()?;
        self.remember(&known, self.ambient.now());
        known.endpoints.get(&endpoint).cloned()
    }
}

/// The endpoint as it is to be written; nothing if there is nothing to write any more.
fn taught(old: &Endpoint, attempted: &Endpoint, lesson: &Lesson) -> Option<Endpoint> {
    let mut new = old.clone();
    new.rev += 1;
    match lesson {
        Lesson::Disable(_) if old.disabled => return None,
        Lesson::Disable(Disabled::Failing) if old.health.failing_since != attempted.health.failing_since => {
            return None;
        }
        Lesson::Disable(why) => {
            new.disabled = true;
            new.health.disabled = Some(*why);
        }
        // Drawn from what is no longer so.
        Lesson::Health { from, to } if old.health != *from || old.health == *to => return None,
        Lesson::Health { to, .. } => new.health = to.clone(),
    }
    Some(new)
}
