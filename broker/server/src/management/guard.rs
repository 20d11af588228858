//! Who asks, from where, and whether they may.
//!
//! Credentials are those of AMQP, by HTTP's basic authentication; only users with one of the tags
//! management, policymaker, monitoring or administrator are let in. A node that listens on loopback
//! only answers to names of loopback only: a web page that has its own name lead there (DNS rebinding)
//! is sent away.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use broker_core::access::{Actor, Tag};
use broker_core::topology::{Routes, Vhost};

use crate::auth::Claim;
use crate::management::failed::Failed;
use crate::management::patience::Peer;
use crate::node::Node;

/// Whoever makes a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Actor);

/// Lets requests with the right credentials pass.
pub(super) async fn guard(
    State(node): State<Arc<Node>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&node, peer.ip(), request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failed) => failed.into_response(),
    }
}

/// Sends requests away that came by a name which is not of loopback, where the node listens on that.
pub(super) async fn only_by_loopback_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    if host.is_some_and(|host| !is_loopback_name(host)) {
        let reason = "this node listens on loopback: ask for it by a name or address of loopback";
        return Failed::new(StatusCode::FORBIDDEN, "forbidden", reason).into_response();
    }
    next.run(request).await
}

async fn admit(node: &Arc<Node>, peer: IpAddr, headers: &HeaderMap) -> Result<Caller, Failed> {
    let (user, secret) =
        basic(headers).ok_or_else(|| Failed::not_authorised("credentials are needed"))?;
    let actor = node.check_login(Claim { user, secret, peer }).await;
    let Some(actor) = actor else {
        node.metrics.logins_failed.inc();
        return Err(Failed::not_authorised("Login failed"));
    };
    let caller = Caller(actor);
    caller.needs(&node.directory.routes(), Tag::Management)?;
    Ok(caller)
}

/// User and password of the `Basic` scheme (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let address = name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    address || name == "localhost" || name.ends_with(".localhost")
}

// === impl Caller ===

impl Caller {
    /// Refuses whoever does not bear a tag, or one that includes it.
    pub(crate) fn needs(&self, routes: &Routes, tag: Tag) -> Result<(), Failed> {
        if routes.access().bears(&self.0, tag) {
            return Ok(());
        }
        Err(Failed::not_authorised(format_args!("Not {} user", tag.name())))
    }

    /// The vhost, if it is there and the caller may use it.
    pub(crate) fn enter<'a>(&self, routes: &'a Routes, vhost: &str) -> Result<&'a Vhost, Failed> {
        let found = routes.vhost(vhost).ok_or_else(Failed::not_found)?;
        if routes.access().may_enter(&self.0, vhost) {
            return Ok(found);
        }
        Err(Failed::not_authorised("User not authorised to access virtual host"))
    }

    /// Whether the caller may look at a vhost: it may use it, or look at all.
    pub(crate) fn sees(&self, routes: &Routes, vhost: &str) -> bool {
        let access = routes.access();
        access.bears(&self.0, Tag::Monitoring) || access.may_enter(&self.0, vhost)
    }

    /// The vhosts that the caller may look at.
    pub(crate) fn vhosts<'a>(&'a self, routes: &'a Routes) -> impl Iterator<Item = &'a Vhost> {
        routes.vhosts().filter(|vhost| self.sees(routes, vhost.name()))
    }

    /// The vhost, if it is there and the caller may look at it.
    pub(crate) fn look<'a>(&self, routes: &'a Routes, vhost: &str) -> Result<&'a Vhost, Failed> {
        let found = routes.vhost(vhost).ok_or_else(Failed::not_found)?;
        if self.sees(routes, vhost) {
            return Ok(found);
        }
        Err(Failed::not_authorised("User not authorised to access virtual host"))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// Nobody, who may do nothing, where there is no guard.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Self>().cloned();
        Ok(caller.unwrap_or_else(|| Self(Actor::new(""))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_read() {
        #[rustfmt::skip]
        let cases = [
            ("Basic Z3Vlc3Q6Z3Vlc3Q=", Some(("guest", "guest"))),
            ("basic Z3Vlc3Q6YTpi",     Some(("guest", "a:b"))),
            ("Bearer Z3Vlc3Q6YTpi",    None),
            ("Basic ###",              None),
            ("Basic",                  None),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            let expected = expected.map(|(user, pass)| (user.to_owned(), pass.as_bytes().to_vec()));
            assert_eq!(basic(&headers), expected, "{value}");
        }
    }

    #[test]
    fn names_of_loopback_are_known() {
        #[rustfmt::skip]
        let cases = [
            ("localhost",             true),
            ("LocalHost.:15672",      true),
            ("broker.localhost:1",    true),
            ("127.0.0.1:15672",       true),
            ("127.3.2.1",             true),
            ("[::1]:15672",           true),
            ("[::ffff:127.0.0.1]",    true),
            ("10.0.0.1:15672",        false),
            ("evil.example:15672",    false),
            ("localhost.evil:15672",  false),
            ("127.0.0.1.evil:15672",  false),
            ("",                      false),
        ];
        for (host, expected) in cases {
            assert_eq!(is_loopback_name(host), expected, "{host}");
        }
    }
}
