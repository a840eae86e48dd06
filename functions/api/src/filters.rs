//! `/filter/test`: tries an endpoint's filter on a sample before it is saved.

use std::sync::Arc;

use axum::{Router, routing::post};
use postrider_core::filter::{self, TrialIn};

use crate::{
    Api, Parts,
    call::{Call, Outcome, ok},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new().route("/filter/test", post(test))
}

async fn test(call: Call) -> Outcome {
    let trial: TrialIn = call.json()?;
    ok(&filter::try_out(trial)?)
}
