//! Operational webhooks: what the operator of a deployment is told about the endpoints of customers.
//!
//! They are ordinary messages of an organization of their own ([`OPERATIONAL_ORG`]), to its application whose uid is the
//! customer's organization id; where there is no such application, nobody wants to know. Here they are worded; a job
//! publishes them ([`Job::Tell`]). The same thing told twice is one message: it has the same id.
//!
//! Nothing is told about the operational organization's own endpoints: a message that fails would cause another.

use serde_json::{Value, json};

use crate::{
    delivery::Attempt,
    entity::{Application, Endpoint},
    ids::{AppId, EndpointId, MessageId, OrgId},
    job::Job,
    time::Time,
};

/// The organization whose messages these are.
pub const OPERATIONAL_ORG: &str = "org_00000000000SvixManagement00";

/// The failed attempt of a schedule at which a message is said to be failing; one that succeeds later has recovered.
pub const FAILING: u32 = 4;

/// The application that something is told about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whose it is.
    pub org: &'a OrgId,
    /// Which.
    pub app: AppId,
    /// The organization's own name for it.
    pub app_uid: Option<&'a str>,
}

/// What became of a message at an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// Which message.
    pub message: MessageId,
    /// The producer's own id for it.
    pub event_id: Option<&'a str>,
    /// Where to.
    pub endpoint: EndpointId,
    /// The attempt that decided it.
    pub last: &'a Attempt,
}

impl<'a> From<&'a Application> for Subject<'a> {
    fn from(app: &'a Application) -> Self {
        Self { org: &app.org, app: app.id, app_uid: app.uid.as_deref() }
    }
}

impl Subject<'_> {
    /// `endpoint.created`.
    pub fn endpoint_created(self, endpoint: &Endpoint) -> Option<Job> {
        self.tell("endpoint.created", &endpoint.id.to_string(), self.about(endpoint))
    }

    /// `endpoint.updated`: by a call, not by Postrider itself.
    pub fn endpoint_updated(self, endpoint: &Endpoint) -> Option<Job> {
        self.tell("endpoint.updated", &format!("{}.{}", endpoint.id, endpoint.rev), self.about(endpoint))
    }

    /// `endpoint.deleted`, with the endpoint as it was.
    pub fn endpoint_deleted(self, endpoint: &Endpoint) -> Option<Job> {
        self.tell("endpoint.deleted", &endpoint.id.to_string(), self.about(endpoint))
    }

    /// `endpoint.disabled`: by Postrider, with the revision that this made. Nothing has succeeded since `fail_since`.
    pub fn endpoint_disabled(self, endpoint: &Endpoint, fail_since: Time) -> Option<Job> {
        let mut data = self.about(endpoint);
        data["failSince"] = json!(fail_since);
        self.tell("endpoint.disabled", &format!("{}.{}", endpoint.id, endpoint.rev), data)
    }

    /// `message.attempt.failing`: it has failed four times and goes on.
    pub fn attempt_failing(self, course: Course<'_>) -> Option<Job> {
        self.tell_course("message.attempt.failing", course)
    }

    /// `message.attempt.exhausted`: every attempt of the schedule has failed.
    pub fn attempt_exhausted(self, course: Course<'_>) -> Option<Job> {
        self.tell_course("message.attempt.exhausted", course)
    }

    /// `message.attempt.recovered`: it succeeded after it was told to be failing.
    pub fn attempt_recovered(self, course: Course<'_>) -> Option<Job> {
        self.tell_course("message.attempt.recovered", course)
    }

    fn about(self, endpoint: &Endpoint) -> Value {
        json!({
            "appId": self.app,
            "appUid": self.app_uid,
            "endpointId": endpoint.id,
            "endpointUid": endpoint.uid,
        })
    }

    fn tell_course(self, event_type: &str, course: Course<'_>) -> Option<Job> {
        let Course { message, event_id, endpoint, last } = course;
        let data = json!({
            "appId": self.app,
            "appUid": self.app_uid,
            "msgId": message,
            "msgEventId": event_id,
            "endpointId": endpoint,
            "lastAttempt": { "id": last.id, "responseStatusCode": last.status, "timestamp": last.at },
        });
        self.tell(event_type, &format!("{endpoint}.{message}.{}", last.id), data)
    }

    fn tell(self, event_type: &str, what: &str, data: Value) -> Option<Job> {
        (self.org.as_str() != OPERATIONAL_ORG).then(|| Job::Tell {
            org: self.org.clone(),
            event_type: event_type.to_owned(),
            id: format!("{event_type}.{what}"),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{AttemptId, Id as _, Ksuid},
        rules::is_name,
    };

    const KSUID: Ksuid = Ksuid::from_bytes([7; 20]);

    fn attempt() -> Attempt {
        let (id, at) = (AttemptId::from_ksuid(KSUID), Time::from_secs(1_800_000_000));
        Attempt {
            id,
            at,
            millis: 5,
            status: 503,
            fault: None,
            response: "no".to_owned(),
            url: String::new(),
            manual: false,
        }
    }

    fn told(org: &str) -> Vec<Job> {
        let (org, last) = (org.parse().expect("org"), attempt());
        let subject = Subject { org: &org, app: AppId::from_ksuid(KSUID), app_uid: None };
        let (message, endpoint) = (MessageId::from_ksuid(KSUID), EndpointId::from_ksuid(KSUID));
        let course = Course { message, event_id: Some("e"), endpoint, last: &last };
        let jobs =
            [subject.attempt_failing(course), subject.attempt_exhausted(course), subject.attempt_recovered(course)];
        jobs.into_iter().flatten().collect()
    }

    #[test]
    fn unset_members_are_null_and_the_id_is_good_as_an_event_id() {
        for job in told("org_a") {
            let Job::Tell { org, event_type, id, data } = job else { panic!("another job") };
            assert!(is_name(&id) && id.starts_with(&event_type), "{id}");
            assert_eq!(org.as_str(), "org_a");
            assert_eq!((&data["appUid"], &data["msgEventId"]), (&Value::Null, &"e".into()));
            let last = json!({
                "id": AttemptId::from_ksuid(KSUID), "responseStatusCode": 503, "timestamp": "2027-01-15T08:00:00.000000Z",
            });
            assert_eq!(data["lastAttempt"], last);
        }
    }

    #[test]
    fn nothing_is_told_about_the_operational_organization() {
        assert_eq!(told("org_a").len(), 3);
        assert_eq!(told(OPERATIONAL_ORG), []);
    }
}
