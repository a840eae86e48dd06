//! `/filter/test`: tries an endpoint's filter on a sample before it is saved.

use postrider_core::filter::{self, TrialIn, TrialOut};

use crate::{
    Parts,
    call::{Call, Outcome, ok},
    openapi::{Operation, Operations, Tag},
};

pub(crate) fn operations<P: Parts>() -> Operations<P> {
    Operations::about(Tag::Endpoint).with(
        Operation::post("/filter/test", "v1.filter.test", "Try a filter on a payload")
            .body::<TrialIn>()
            .gives::<TrialOut>(200, "Whether they match."),
        test,
    )
}

async fn test(call: Call) -> Outcome {
    let trial: TrialIn = call.json()?;
    ok(&filter::try_out(trial)?)
}
