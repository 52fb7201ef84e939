//! `Chaos`: requests that fail at random, in the ways in which registries and networks do.
//!
//! What happens to a request depends on the seed, on what is requested, and on how often it was requested
//! before. So a seed means the same in every run, however requests overlap.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use hyper::Method;
use hyper::header::AUTHORIZATION;
use oci::Digest;
use registry_server::route::Kind;

use crate::faults::Effect;
use crate::lock::lock;
use crate::request::Request;

/// Longer than any client waits.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Which requests fail, and how.
#[derive(Debug, Clone, Copy)]
pub struct Chaos {
    pub seed: u64,
    /// Of 1,000 requests, about this many fail.
    pub per_mille: u64,
    pub end: End,
    pub faults: Faulty,
}

/// The end of a copy at which the registry stands. What was pushed may become visible late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Source,
    Destination,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faulty {
    /// Those that pass when the request is repeated.
    Passing,
    /// Also responses that a client has to believe, such as 403, 404 and a page with 200.
    Any,
}

/// The chaos of a registry, if it has any.
#[derive(Default)]
pub(super) struct RunningChaos(Mutex<Option<State>>);

struct State {
    chaos: Chaos,
    /// How often each request arrived.
    arrivals: HashMap<String, u64>,
}

impl RunningChaos {
    pub(super) fn set(&self, chaos: Option<Chaos>) {
        *lock(&self.0) = chaos.map(|chaos| State { chaos, arrivals: HashMap::new() });
    }

    /// The effect on this request. Call it once per request, because it counts.
    pub(super) fn next(&self, request: &Request) -> Option<Effect> {
        let mut state = lock(&self.0);
        let State { chaos, arrivals } = state.as_mut()?;
        let what = identity(request);
        let arrival = arrivals.entry(what.clone()).or_default();
        *arrival += 1;
        let Chaos { seed, end, .. } = chaos;
        let mut dice = Dice::new(&format!("{seed} {end:?} {what} {arrival}"));
        let fails = dice.roll(1000) < chaos.per_mille;
        fails.then(|| chaos.effect(request, &mut dice))
    }
}

/// What is requested, without what differs from run to run: ports, and the ids of uploads and tokens.
fn identity(request: &Request) -> String {
    let Request { method, route, query, .. } = request;
    let repository = route.repository.as_deref().unwrap_or_default();
    let name = if route.kind == Kind::Upload { "" } else { &route.name };
    let named = ["digest", "mount", "from"].map(|name| query.get(name).unwrap_or_default());
    format!("{method} {:?} {repository} {name} {}", route.kind, named.join(" "))
}

impl Chaos {
    fn effect(&self, request: &Request, dice: &mut Dice) -> Effect {
        let mut effects = anywhere(dice);
        let (method, is_passing) = (&request.method, self.faults == Faulty::Passing);
        match request.route.kind {
            // No digest protects it, so no client notices a flipped bit.
            Kind::Referrers => effects.push(Effect::Shorten(1 + dice.position() as usize)),
            Kind::Manifest if method == Method::GET => {
                effects.extend(on_content(dice));
                effects.extend(on_manifest(dice));
            }
            Kind::Manifest if method == Method::HEAD => effects.extend(on_head(dice)),
            Kind::Manifest if method == Method::PUT => {
                effects.push(Effect::LieAboutDigest);
                effects.push(Effect::OmitHeader("docker-content-digest".to_owned()));
            }
            Kind::Blob if method == Method::GET => effects.extend(on_blob(dice)),
            Kind::Upload => effects.extend(on_upload(request, dice)),
            _ => {}
        }
        if self.end == End::Destination && is_visible_late(request) {
            effects.push(Effect::NotYetVisible);
        }
        if request.headers.contains_key(AUTHORIZATION) {
            effects.push(Effect::ExpireToken);
        }
        if !is_passing {
            effects.extend([400, 401, 403, 404, 405, 501].map(status));
            effects.extend([Effect::HtmlOk, Effect::ReplaceStatus(200)]);
        }
        let chosen = dice.roll(effects.len() as u64) as usize;
        effects.swap_remove(chosen)
    }
}

/// What can happen to any request.
fn anywhere(dice: &mut Dice) -> Vec<Effect> {
    let busy = if dice.roll(2) == 0 { 429 } else { 503 };
    let failed = [408, 429, 499, 500, 502, 503, 504, 522][dice.roll(8) as usize];
    let wait = ["0", "1", "30"][dice.roll(3) as usize];
    vec![
        status(failed),
        Effect::Status {
            code: busy,
            headers: vec![("retry-after".to_owned(), wait.to_owned())],
            body: r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#.to_owned(),
        },
        Effect::Reset,
        Effect::LoseResponse,
        Effect::CloseAfter(dice.position()),
        Effect::Stall(dice.position()),
        Effect::Delay(FOREVER),
        Effect::Trickle { pieces: 20, pause: Duration::from_secs(1 + dice.roll(20)) },
    ]
}

/// What can happen to content.
fn on_content(dice: &mut Dice) -> Vec<Effect> {
    vec![
        Effect::Corrupt { at: dice.position() as usize },
        Effect::Shorten(1 + dice.position() as usize),
        Effect::ExtraBytes(1 + dice.roll(100) as usize),
        Effect::OmitHeader("content-length".to_owned()),
    ]
}

fn on_manifest(dice: &mut Dice) -> Vec<Effect> {
    let types = ["text/html", "application/json", "application/octet-stream"];
    let lie = types[dice.roll(types.len() as u64) as usize];
    vec![
        Effect::LieAboutDigest,
        Effect::SetHeader("content-type".to_owned(), lie.to_owned()),
        Effect::OmitHeader("docker-content-digest".to_owned()),
    ]
}

fn on_head(dice: &mut Dice) -> Vec<Effect> {
    let refusals = [400, 403, 405, 500, 501];
    vec![
        status(refusals[dice.roll(refusals.len() as u64) as usize]),
        Effect::LieAboutDigest,
        Effect::OmitHeader("docker-content-digest".to_owned()),
    ]
}

fn on_blob(dice: &mut Dice) -> Vec<Effect> {
    let mut effects = on_content(dice);
    effects.extend([Effect::IgnoreRange, Effect::WrongContentRange]);
    effects
}

fn on_upload(request: &Request, dice: &mut Dice) -> Vec<Effect> {
    if request.method != Method::POST {
        return vec![
            Effect::DropUploadAfter(dice.position()),
            Effect::CorruptUpload { at: dice.position() },
            Effect::LoseSession,
        ];
    }
    let refusals = [400, 403, 404, 405, 500];
    match request.query.get("mount") {
        Some(_) => vec![Effect::IgnoreMount, status(refusals[dice.roll(5) as usize])],
        None => Vec::new(),
    }
}

/// Whether a request looks for content that may have been pushed.
fn is_visible_late(request: &Request) -> bool {
    matches!(request.route.kind, Kind::Manifest | Kind::Blob) && request.method != Method::DELETE
}

fn status(code: u16) -> Effect {
    Effect::Status { code, headers: Vec::new(), body: String::new() }
}

/// Numbers that follow from a text alone (splitmix64).
struct Dice(u64);

impl Dice {
    fn new(text: &str) -> Self {
        let digest = Digest::of(text.as_bytes());
        Self(u64::from_str_radix(&digest.hex()[..16], 16).unwrap_or_default())
    }

    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// A position in a body of any size: each order of magnitude is as likely as the others.
    fn position(&mut self) -> u64 {
        let below = 1 << self.roll(20);
        self.roll(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request {
        let request = hyper::Request::builder().method(method).uri(path);
        Request::new(request.body(()).unwrap().into_parts().0)
    }

    fn effects(seed: u64, requests: &[(&str, String)]) -> Vec<(String, Option<Effect>)> {
        let running = RunningChaos::default();
        let (end, faults) = (End::Destination, Faulty::Passing);
        running.set(Some(Chaos { seed, per_mille: 300, end, faults }));
        let effect = |(method, path): &(&str, String)| {
            (format!("{method} {path}"), running.next(&request(method, path)))
        };
        requests.iter().map(effect).collect()
    }

    #[test]
    fn what_happens_to_a_request_depends_on_the_seed_and_not_on_the_order() {
        let mut requests: Vec<(&str, String)> = (0..200)
            .map(|n| ("GET", format!("/v2/a/manifests/{n}")))
            .chain((0..200).map(|n| ("PUT", format!("/v2/a/blobs/uploads/{n}?digest={n}"))))
            .collect();
        let mut one = effects(1, &requests);
        let other = effects(2, &requests);
        requests.reverse();
        let mut reversed = effects(1, &requests);
        reversed.reverse();
        assert_eq!(one, reversed);
        assert_ne!(one, other);
        one.retain(|(_, effect)| effect.is_some());
        assert!((80..160).contains(&one.len()), "{} of 400 fail", one.len());
    }

    #[test]
    fn the_id_of_an_upload_does_not_matter_and_the_number_of_requests_does() {
        let put = |id: &str| ("PUT", format!("/v2/a/blobs/uploads/{id}?digest=x"));
        let effects_of = |requests: Vec<(&str, String)>| -> Vec<Option<Effect>> {
            effects(3, &requests).into_iter().map(|(_, effect)| effect).collect()
        };
        let same: Vec<_> = (0..50).map(|_| put("one")).collect();
        let others: Vec<_> = (0..50).map(|n| put(&n.to_string())).collect();
        let effects = effects_of(same);
        assert_eq!(effects, effects_of(others));
        assert!(effects.contains(&None) && effects.iter().any(Option::is_some));
    }
}
