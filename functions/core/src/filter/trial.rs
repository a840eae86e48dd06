//! Trying a filter on a sample.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Filter, Misfit};
use crate::{problem::Problem, publish::payload_example, rules::Check, shapes::AnyObject};

/// A filter and a payload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "FilterTestIn")]
pub struct TrialIn {
    /// The filter, as it would be saved.
    #[schemars(with = "AnyObject", example = super::example())]
    filter: Value,
    /// The payload, as it would be published.
    #[schemars(with = "AnyObject", example = payload_example())]
    payload: Map<String, Value>,
}

/// Whether they match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "FilterTestOut")]
pub struct TrialOut {
    /// The payload is one that an endpoint with the filter is sent.
    pub matches: bool,
    /// The parts of the filter that do not match, as JSON Pointers (RFC 6901) into it; empty where it matches.
    #[schemars(example = ["/total"])]
    pub failed: Vec<String>,
}

/// Tries a filter; 422 for one that could not be saved.
pub fn try_out(trial: TrialIn) -> Result<TrialOut, Problem> {
    let mut check = Check::default();
    let filter = Filter::parse(&trial.filter).map_err(|misfit| misfit.note(&mut check, &["body", "filter"])).ok();
    check.finish()?;
    let payload = Value::Object(trial.payload);
    let failed = filter.map(|filter| filter.failed(&payload)).unwrap_or_default();
    Ok(TrialOut { matches: failed.is_empty(), failed })
}

impl Misfit {
    /// Notes it as a broken rule of a filter at that place of a request.
    pub(crate) fn note(self, check: &mut Check, place: &[&str]) {
        let path: Vec<_> = place.iter().copied().chain(self.path.iter().map(String::as_str)).collect();
        check.fail(&path, self.why);
    }
}
