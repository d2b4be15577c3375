//! What X charges: since 2026-02-06 new developers pay for each call, and a post with a link is thirteen times as dear.
//!
//! Prices in US dollars as published on docs.x.com, read on 2026-11-21. Whoever has older terms (a subscription, a contract) says so
//! in the account's setting `prices`.

use serde_json::Value;

use super::encode;
use crate::platform::{AccountInfo, Ask, Cost, Part};
use crate::text::Unit;

/// The account's own prices.
pub const SETTING: &str = "prices";

/// One price: its name in the account's `prices`, and what X publishes.
pub type Price = (&'static str, f64);

/// A post without a link.
pub const POST: Price = ("post", 0.015);
/// A post whose text holds a link.
pub const LINK: Price = ("link", 0.2);
/// What is said of a medium: its alt text, a warning.
pub const METADATA: Price = ("metadata", 0.005);

/// The price that holds for an account.
///
/// # Errors
/// The setting is no amount.
pub fn price(account: Option<&AccountInfo>, (name, published): Price) -> Result<f64, String> {
    let amount = match account.map(|account| &account.settings[SETTING][name]) {
        None | Some(Value::Null) => Some(published),
        Some(own) => own.as_f64(),
    };
    let amount = amount.filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| format!("`{SETTING}.{name}` of the account is no amount in US dollars such as `{published}`"))
}

/// Looks at all of the account's prices.
///
/// # Errors
/// One is no amount, or a name is unknown.
pub fn check(account: Option<&AccountInfo>) -> Result<(), String> {
    let known = [POST, LINK, METADATA];
    let own = account.and_then(|account| account.settings[SETTING].as_object());
    let stray = own.and_then(|own| own.keys().find(|key| known.iter().all(|(name, _)| name != key)));
    if let Some(stray) = stray {
        return Err(format!("`{SETTING}` of the account knows `post`, `link` and `metadata`, not `{stray}`"));
    }
    known.into_iter().try_for_each(|one| price(account, one).map(drop))
}

/// How many links X sees in a text, names such as `example.com` among them.
pub fn links(text: &str) -> usize {
    // each counts as one length, whatever it is
    Unit::Weighted.count_with(text, 1) - Unit::Weighted.count_with(text, 0)
}

/// What a part costs: the post itself, and what is said of its media.
pub fn cost(ask: &Ask, part: &Part) -> Option<Cost> {
    let text = part.payload["text"].as_str()?;
    let post = price(ask.account, if links(text) > 0 { LINK } else { POST }).ok()?;
    let warned = !part.payload[encode::WARNING].is_null();
    let told = part.media.iter().filter(|one| warned || encode::described(one)).count();
    Some(Cost::new(post + price(ask.account, METADATA).ok()? * told as f64, "USD"))
}
