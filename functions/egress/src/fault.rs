//! From reqwest's errors to [`Fault`], by the types in the chain of causes and never by their texts.

use std::{error::Error, io};

use postrider_core::outbound::Fault;

use crate::resolver::ResolveError;

type Cause<'a> = &'a (dyn Error + 'static);

/// Why a request brought no response.
///
/// A pooled connection that the server closes while the request is on its way is [`Fault::Connect`] like any other:
/// nobody knows whether the server has seen the request, so trying again is for the retry schedule to decide.
pub(crate) fn classify(error: &reqwest::Error) -> Fault {
    if error.is_builder() {
        return Fault::Invalid;
    }
    find(error).unwrap_or_else(|| untyped(error))
}

/// What reqwest and hyper keep private: reqwest's own elapsed connect timeout, and hyper's "unexpected message".
fn untyped(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        Fault::Timeout
    } else if error.is_connect() {
        Fault::Connect
    } else {
        Fault::Protocol
    }
}

/// The outermost cause that says what happened. An I/O error says it only if nothing inside of it does.
fn find(error: Cause) -> Option<Fault> {
    typed(error).or_else(|| find(cause(error)?)).or_else(|| error.downcast_ref().map(of_io))
}

fn typed(error: Cause) -> Option<Fault> {
    if let Some(error) = error.downcast_ref() {
        return Some(of_resolver(error));
    }
    if error.is::<rustls::Error>() {
        return Some(Fault::Tls);
    }
    if let Some(error) = error.downcast_ref() {
        return Some(of_h2(error));
    }
    error.downcast_ref().and_then(of_hyper)
}

/// An I/O error's `source` skips the error that it wraps, which is where rustls' stands.
fn cause(error: Cause) -> Option<Cause> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as Cause),
        None => error.source(),
    }
}

fn of_resolver(error: &ResolveError) -> Fault {
    match error {
        ResolveError::Lookup(_) | ResolveError::NoAddress => Fault::Dns,
        ResolveError::Blocked => Fault::Blocked,
    }
}

/// A server that resets a stream or says goodbye has closed; what h2 itself objects to is not HTTP/2.
fn of_h2(error: &h2::Error) -> Fault {
    match error.get_io() {
        Some(io) => find(io).unwrap_or(Fault::Connect),
        None if error.is_remote() => Fault::Connect,
        None => Fault::Protocol,
    }
}

fn of_hyper(error: &hyper::Error) -> Option<Fault> {
    if error.is_parse() {
        Some(Fault::Protocol)
    } else if error.is_canceled() {
        Some(of_canceled(error))
    } else if error.is_incomplete_message() || error.is_closed() {
        Some(Fault::Connect)
    } else {
        None
    }
}

/// Not begun, because the connection had ended or, if hyper says so, because the server spoke first.
fn of_canceled(error: &hyper::Error) -> Fault {
    match error.source() {
        Some(reason) if reason.is::<hyper::Error>() => find(reason).unwrap_or(Fault::Protocol),
        _ => Fault::Connect,
    }
}

fn of_io(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::TimedOut => Fault::Timeout,
        _ => Fault::Connect,
    }
}

/// The whole chain in one line, for the log.
pub(crate) fn chain(error: Cause) -> String {
    let mut text = error.to_string();
    let mut next = cause(error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = cause(error);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_is_what_it_wraps() {
        let tls = io::Error::other(io::Error::other(rustls::Error::DecryptError));
        assert_eq!(find(&tls), Some(Fault::Tls));
        let dns = io::Error::other(ResolveError::Lookup(io::ErrorKind::TimedOut.into()));
        assert_eq!(find(&dns), Some(Fault::Dns));
        let end = io::Error::new(io::ErrorKind::UnexpectedEof, "no close_notify");
        assert_eq!(find(&end), Some(Fault::Connect));
        let late = io::Error::other(io::Error::from(io::ErrorKind::TimedOut));
        assert_eq!(find(&late), Some(Fault::Timeout));
    }

    #[test]
    fn what_h2_itself_objects_to_is_a_protocol_error() {
        assert_eq!(find(&h2::Error::from(h2::Reason::PROTOCOL_ERROR)), Some(Fault::Protocol));
    }

    #[test]
    fn the_chain_is_told_to_its_end() {
        let error = ResolveError::Lookup(io::Error::other(ResolveError::NoAddress));
        let name = "the name could not be looked up: the name has no address: the name has no address";
        assert_eq!(chain(&error), name, "an I/O error is told by what it wraps");
    }
}
