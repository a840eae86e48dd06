//! Which operations a client calls.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use postrider_local::{Listener, Proxy};

use crate::{document, stack::Stack, world};

/// Another way to the API of a stack, that notes what is called.
#[derive(Debug)]
pub struct Recorded {
    proxy: Proxy,
    called: Arc<Mutex<BTreeSet<String>>>,
}

impl Recorded {
    /// On a port of its own. Its answers are held against the OpenAPI document too.
    pub fn start(stack: &Stack) -> Result<Self> {
        let called = Arc::new(Mutex::new(BTreeSet::new()));
        let notes = Arc::clone(&called);
        let proxy = Proxy::watched(Listener::bind(0)?, stack.output("ApiId")?, &world().emulator, move |seen| {
            document::fits(seen)?;
            if (200..300).contains(&seen.status) {
                notes.lock().unwrap_or_else(PoisonError::into_inner).extend(document::operation(seen));
            }
            Ok(())
        })?;
        Ok(Self { proxy, called })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.proxy.url()
    }

    /// The operations that were called and succeeded, in the words of the document: `GET /api/v1/app/{app_id}`.
    pub fn called(&self) -> BTreeSet<String> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
