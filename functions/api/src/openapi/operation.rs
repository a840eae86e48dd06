//! What is written about an operation.

use axum::routing::MethodFilter;
use http::Method;
use postrider_core::page::Page;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    PREFIX, Tag,
    errors::Error,
    parameters::{self, Parameter},
};

/// The method of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    pub(super) const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// How a type is described.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// One operation. As it is made, it needs a token (401, 503; 400 for one that is signed and names nobody;
/// 403 for one that lacks the scope, see [`crate::rights`]).
///
/// - With a parameter in its path: 404.
/// - With a parameter in its query: 400. With one that pages or names things: 422.
/// - With a body: 413, 422.
/// - With [`Operation::once`]: a header, and 400, 409 and 422.
pub(crate) struct Operation {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) prefix: &'static str,
    pub(super) tag: Tag,
    pub(super) needs_token: bool,
    pub(super) is_deprecated: bool,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Shape>,
    pub(super) needs_body: bool,
    pub(super) media: &'static str,
    pub(super) answers: Vec<Answer>,
    pub(super) errors: Vec<(Error, Option<&'static str>)>,
}

/// What it gives when it is not refused.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) shape: Option<Shape>,
    pub(super) or_nothing: bool,
}

impl Operation {
    fn new(verb: Verb, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let operation = Self {
            verb,
            path,
            id,
            summary,
            description: "",
            prefix: PREFIX,
            tag: Tag::Health,
            needs_token: true,
            is_deprecated: false,
            parameters: parameters::in_path(path),
            body: None,
            needs_body: true,
            media: "application/json",
            answers: Vec::new(),
            errors: Vec::new(),
        };
        let always = [Error::BadRequest, Error::Unauthenticated, Error::Forbidden, Error::Unavailable];
        let operation = always.into_iter().fold(operation, Self::error);
        if operation.parameters.is_empty() { operation } else { operation.error(Error::NotFound) }
    }

    /// GET.
    pub(crate) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Verb::Get, path, id, summary)
    }

    /// POST.
    pub(crate) fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Verb::Post, path, id, summary)
    }

    /// PUT.
    pub(crate) fn put(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Verb::Put, path, id, summary)
    }

    /// PATCH.
    pub(crate) fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Verb::Patch, path, id, summary)
    }

    /// DELETE.
    pub(crate) fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Verb::Delete, path, id, summary)
    }

    /// What the summary does not tell.
    pub(crate) fn says(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// What it is about.
    pub(super) fn about(mut self, tag: Tag) -> Self {
        self.tag = tag;
        self
    }

    /// Its path is the whole path. For what other functions answer.
    pub(super) fn at_root(mut self) -> Self {
        self.prefix = "";
        self
    }

    /// Anybody may call it.
    pub(crate) fn without_token(mut self) -> Self {
        self.needs_token = false;
        self.errors
            .retain(|(error, _)| !matches!(error, Error::BadRequest | Error::Unauthenticated | Error::Forbidden));
        self
    }

    /// An application's token is refused.
    pub(crate) fn for_organizations(self) -> Self {
        self.fails(Error::Forbidden, "The token is an application's, or lacks the scope.")
    }

    /// Another path, or another name, is the one to use.
    pub(crate) fn deprecated(mut self) -> Self {
        self.is_deprecated = true;
        self
    }

    /// A parameter of the query.
    pub(crate) fn takes(mut self, parameter: Parameter) -> Self {
        let error = parameter.error;
        self.parameters.push(parameter);
        self.error(error)
    }

    /// A page of a list of `T`, in the order of `K`.
    pub(crate) fn lists<K: JsonSchema + 'static, T: JsonSchema>(self) -> Self {
        let paged = self.takes(Parameter::limit()).takes(Parameter::either_iterator::<K>()).error(Error::BadRequest);
        paged.gives::<Page<T>>(200, "A page of the list.")
    }

    /// A JSON body.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::subschema_for::<T>);
        self.error(Error::TooLarge).error(Error::Invalid)
    }

    /// A JSON body that may be left out.
    pub(crate) fn body_if_any<T: JsonSchema>(self) -> Self {
        Self { needs_body: false, ..self.body::<T>() }
    }

    /// A body of any kind.
    pub(super) fn receives_anything(mut self) -> Self {
        self.media = "*/*";
        self.body = Some(|_| Schema::default());
        self.error(Error::TooLarge).error(Error::Invalid)
    }

    /// With an `Idempotency-Key` it is done once.
    pub(crate) fn once(mut self) -> Self {
        self.parameters.push(parameters::idempotency_key());
        self.error(Error::BadRequest).error(Error::Conflict).error(Error::Invalid)
    }

    /// An `Idempotency-Key` may be sent, as the contract has it, and has no effect.
    pub(crate) fn ignores_key(mut self) -> Self {
        self.parameters.push(parameters::ignored_key());
        self
    }

    /// JSON with a status.
    pub(crate) fn gives<T: JsonSchema>(mut self, status: u16, description: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            description,
            shape: Some(SchemaGenerator::subschema_for::<T>),
            or_nothing: false,
        });
        self
    }

    /// What was said last may be empty instead.
    pub(super) fn or_nothing(mut self) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.or_nothing = true;
        }
        self
    }

    /// 204.
    pub(crate) fn gives_nothing(mut self, description: &'static str) -> Self {
        self.answers.push(Answer { status: 204, description, shape: None, or_nothing: false });
        self
    }

    /// An error of which there is nothing more to say.
    pub(crate) fn error(mut self, error: Error) -> Self {
        if !self.errors.iter().any(|(known, _)| *known == error) {
            self.errors.push((error, None));
        }
        self
    }

    /// An error, and when it is given.
    pub(crate) fn fails(mut self, error: Error, when: &'static str) -> Self {
        self.errors.retain(|(known, _)| *known != error);
        self.errors.push((error, Some(when)));
        self
    }

    /// A conflict, and when there is one.
    pub(crate) fn conflicts(self, when: &'static str) -> Self {
        self.fails(Error::Conflict, when)
    }

    /// The path with its prefix.
    pub(super) fn full_path(&self) -> String {
        format!("{}{}", self.prefix, self.path)
    }
}
