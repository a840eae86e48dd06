//! Reading one variable.

use std::{ops::RangeInclusive, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use postrider_core::retry::Schedule;

use super::{Collector, InvalidSetting, Logging};
use crate::QueueUrls;

/// The example of Standard Webhooks.
pub(super) const DEFAULT_SCHEDULE: &str = "5s,5m,30m,2h,5h,10h,14h,20h,24h";

#[expect(clippy::disallowed_methods, reason = "the one place where configuration comes in")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where variables come from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Source<'_> {
    /// Unset and empty are the same: a template's empty parameter is an empty variable.
    pub(super) fn optional(self, name: &str) -> Option<String> {
        self.0(name).filter(|value| !value.trim().is_empty())
    }

    pub(super) fn required(self, name: &'static str) -> Result<String, InvalidSetting> {
        self.optional(name).ok_or(InvalidSetting::Missing(name))
    }

    pub(super) fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        self,
        name: &'static str,
        default: T,
        limits: RangeInclusive<T>,
    ) -> Result<T, InvalidSetting> {
        let Some(text) = self.optional(name) else { return Ok(default) };
        let (low, high) = (limits.start(), limits.end());
        let number = text.trim().parse().ok().filter(|number| limits.contains(number));
        number.ok_or_else(|| InvalidSetting::Invalid(name, format!("must be a whole number, {low} to {high}")))
    }

    pub(super) fn parsed<T>(self, name: &'static str) -> Result<Option<T>, InvalidSetting>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let value = self.optional(name).map(|text| text.trim().parse());
        value.transpose().map_err(|error: T::Err| InvalidSetting::Invalid(name, error.to_string()))
    }

    /// The delivery queues.
    pub(super) fn queues(self) -> Result<QueueUrls, InvalidSetting> {
        Ok(QueueUrls {
            prompt: self.required("POSTRIDER_QUEUE_URL")?,
            retry: self.required("POSTRIDER_RETRY_QUEUE_URL")?,
            dead_letters: String::new(),
            jobs: self.required("POSTRIDER_JOB_QUEUE_URL")?,
        })
    }

    pub(super) fn event_type_header(self) -> String {
        self.optional("POSTRIDER_EVENT_TYPE_HEADER").unwrap_or_else(|| "webhook-event-type".to_owned())
    }

    /// Here an empty one counts: it means a single attempt.
    pub(super) fn schedule(self) -> Result<Schedule, InvalidSetting> {
        const NAME: &str = "POSTRIDER_RETRY_SCHEDULE";
        let text = self.0(NAME).unwrap_or_else(|| DEFAULT_SCHEDULE.to_owned());
        text.parse()
            .map_err(|error: postrider_core::retry::InvalidSchedule| InvalidSetting::Invalid(NAME, error.to_string()))
    }

    pub(super) fn log(self) -> Result<Logging, InvalidSetting> {
        const NAME: &str = "POSTRIDER_LOG";
        let text = self.optional(NAME).unwrap_or_else(|| "info".to_owned());
        let level = text
            .trim()
            .parse()
            .map_err(|_| InvalidSetting::Invalid(NAME, "must be error, warn, info, debug, trace or off".to_owned()));
        let stack = self.optional("POSTRIDER_STACK").unwrap_or_else(|| "postrider".to_owned());
        let collector = self.collector(&stack);
        Ok(Logging { level: level?, stack, collector })
    }

    /// As OpenTelemetry has it (Protocol Exporter specification 1.50, "Endpoint URLs for OTLP/HTTP" and "Specifying headers
    /// via environment variables").
    fn collector(self, stack: &str) -> Result<Option<Collector>, InvalidSetting> {
        const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
        let Some(endpoint) = self.optional(ENDPOINT) else { return Ok(None) };
        let url = format!("{}/v1/traces", endpoint.trim().trim_end_matches('/'));
        let http = url.starts_with("http://") || url.starts_with("https://");
        let url = url.parse().ok().filter(|_| http);
        let url = url.ok_or_else(|| InvalidSetting::Invalid(ENDPOINT, "must be an http or https URL".to_owned()))?;
        let headers = headers(&self.optional(HEADERS).unwrap_or_default());
        // Without its value: it may be a secret.
        let wrong = || InvalidSetting::Invalid(HEADERS, "must be headers such as key=value,other=value".to_owned());
        let of_lambda = [("faas.name", "AWS_LAMBDA_FUNCTION_NAME"), ("cloud.region", "AWS_REGION")];
        let of_lambda = of_lambda.into_iter().filter_map(|(key, name)| Some((key, self.optional(name)?)));
        let resource = [("service.name", stack.to_owned()), ("cloud.provider", "aws".to_owned())];
        Ok(Some(Collector {
            url,
            headers: headers.ok_or_else(wrong)?,
            resource: resource.into_iter().chain(of_lambda).collect(),
        }))
    }
}

fn headers(text: &str) -> Option<HeaderMap> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
    };
    pairs.map(header).collect()
}
