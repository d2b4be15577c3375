//! Networks with two ways in: a webhook, whose address is all there is and which posts to one place, or a token, which can do more.

use secrecy::ExposeSecret;

use super::{AccountInfo, Cx};

/// Which of the two credentials an account uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Webhook,
    Token,
}

/// The credential of an account, by its setting `mode` if it has one. Else an account with a channel uses a token, and so does one
/// that has no channel yet but of which `about` tells what only a token's owner has: the key `owner`.
pub(super) fn mode(account: &AccountInfo, owner: &str) -> Mode {
    match account.setting("mode") {
        "webhook" => Mode::Webhook,
        "bot" | "token" => Mode::Token,
        _ if account.filled("channel").is_none() && !account.about[owner].is_string() => Mode::Webhook,
        _ => Mode::Token,
    }
}

/// The same where the secrets are at hand: a token without a channel is a login.
pub(super) fn mode_held(cx: &Cx<'_>, owner: &str) -> Mode {
    let held = |name: &str| cx.optional_secret(name).is_some_and(|secret| !secret.expose_secret().trim().is_empty());
    match mode(cx.account, owner) {
        Mode::Webhook if cx.account.setting("mode").is_empty() && held("token") && !held("webhook") => Mode::Token,
        mode => mode,
    }
}
