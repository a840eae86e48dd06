//! What is answered.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::words;
use crate::{
    entity::Endpoint,
    ids::EndpointId,
    outbound::without_userinfo,
    probe::{Address, Certificate, Handshake, Probe, Timed},
    time::Time,
};

/// What was found out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Whether a webhook that is published now arrives.
    pub ok: bool,
    /// The endpoint.
    endpoint_id: EndpointId,
    /// Its URL, without a name and a password that it may hold.
    url: String,
    /// `configuration`, `resolve`, `connect`, `tls`, `request`.
    pub steps: Vec<Step>,
    /// All of it in a sentence or two.
    pub verdict: String,
}

/// One thing that a delivery depends on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DiagnosisStep")]
pub struct Step {
    /// Which.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// It was not looked at, because something before it failed or because it does not apply.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// How long it took.
    pub millis: u64,
    /// What was seen; it depends on the step.
    pub facts: Map<String, Value>,
    /// What is wrong, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Step {
    /// One that was looked at.
    pub(super) fn new(name: &'static str, took: std::time::Duration, facts: Value, problem: Option<String>) -> Self {
        let facts = if let Value::Object(facts) = facts { facts } else { Map::new() };
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { name, ok: problem.is_none(), skipped: false, millis, facts, problem }
    }

    /// One that was not.
    pub(super) fn skipped(name: &'static str) -> Self {
        Self { name, ok: false, skipped: true, millis: 0, facts: Map::new(), problem: None }
    }
}

impl Diagnosis {
    pub(super) fn new(endpoint: &Endpoint, steps: Vec<Step>) -> Self {
        let ok = steps.iter().all(|step| step.problem.is_none());
        let verdict = words::verdict(&steps);
        Self { ok, endpoint_id: endpoint.id, url: without_userinfo(&endpoint.url), steps, verdict }
    }
}

/// The steps of a probe.
pub(super) fn network(url: &str, probe: &Probe, now: Time) -> [Step; 3] {
    let url = url::Url::parse(url).ok();
    let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let connect = probe.connected.as_ref().map_or_else(
        || Step::skipped("connect"),
        |Timed { took, result }| {
            let facts = result.as_ref().map_or_else(
                |refusals| json!({ "tried": refusals.iter().map(|tried| tried.address).collect::<Vec<_>>() }),
                |address| json!({ "address": address }),
            );
            let port = url.as_ref().and_then(url::Url::port_or_known_default).unwrap_or_default();
            Step::new("connect", *took, facts, result.as_ref().err().map(|refusals| words::connect(refusals, port)))
        },
    );
    let tls = probe.tls.as_ref().map_or_else(
        || Step::skipped("tls"),
        |Timed { took, result }| Step::new("tls", *took, tls(result, now), words::tls(result, host, now)),
    );
    [resolve(host, &probe.resolved), connect, tls]
}

fn resolve(host: &str, resolved: &Timed<Result<Vec<Address>, crate::probe::ResolveFault>>) -> Step {
    let all = resolved.result.as_deref().unwrap_or_default();
    let addresses: Vec<_> =
        all.iter().filter_map(|is| if let Address::Admitted(is) = is { Some(is) } else { None }).collect();
    let mut refused: Vec<_> =
        all.iter().filter_map(|is| if let Address::Refused(why) = is { Some(why) } else { None }).collect();
    refused.dedup();
    let problem = match &resolved.result {
        Err(fault) => Some(words::resolve(*fault, host)),
        Ok(_) if addresses.is_empty() => Some(words::refused(&refused, host)),
        Ok(_) => None,
    };
    let facts = json!({ "host": host, "addresses": addresses, "refused": refused });
    Step::new("resolve", resolved.took, facts, problem)
}

fn tls(handshake: &Handshake, now: Time) -> Value {
    let mut facts = json!({});
    if let Ok(session) = &handshake.session {
        facts["protocol"] = json!(session.protocol);
        facts["cipher"] = json!(session.cipher);
        facts["alpn"] = json!(session.alpn);
    }
    if let Some(certificate) = &handshake.certificate {
        facts["certificate"] = shown(certificate, now);
        facts["intermediates"] = json!(handshake.intermediates);
    }
    facts
}

fn shown(certificate: &Certificate, now: Time) -> Value {
    let Certificate { subject, issuer, names, not_before, not_after } = certificate;
    let left = (not_after.secs() - now.secs()).div_euclid(86_400);
    json!({
        "subject": subject, "issuer": issuer, "names": names, "notBefore": not_before, "notAfter": not_after,
        "daysLeft": left,
    })
}
