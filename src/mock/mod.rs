//! `xpost mock`: the twins of all networks on loopback.

use std::path::Path;

use crate::platform::{self, Platform, TwinAccount};
use crate::twin::{Server, ServerOptions};

/// Serves the twins of all platforms.
///
/// # Errors
/// The port is taken, or the system gives no socket or thread.
pub fn serve(options: &ServerOptions) -> std::io::Result<Server> {
    Server::start(platform::ALL.iter().map(|one| (one.spec().name.to_string(), one.twin())).collect(), options)
}

/// A throw-away account of a served twin, which is told of it. `home` is a directory that platforms of this machine may write to.
pub fn account(server: &Server, platform: &dyn Platform, n: usize, home: &Path) -> TwinAccount {
    let account = platform.twin_account(n, home);
    server.welcome(platform.spec().name, &account.settings);
    account
}

/// How to point xpost at a served twin, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Hint {
    pub platform: &'static str,
    /// The hosts that the twin answers for; none for platforms that need no server.
    pub hosts: Vec<String>,
    /// Set this in the environment, and every request to those hosts goes to the twin.
    pub mirror: String,
    /// The server to give to `xpost account add`.
    pub server: String,
    /// Settings to give, `key = value`.
    pub settings: Vec<(String, String)>,
    /// Secret fields that the twin takes. They are of no worth anywhere else, so they may be shown.
    pub secrets: Vec<(String, String)>,
}

/// The hints for all platforms. Their accounts are made on the way, as by [`account`].
pub fn hints(server: &Server, home: &Path) -> Vec<Hint> {
    platform::ALL.iter().map(|one| hint(server, *one, 0, home)).collect()
}

/// All ways in: the hints for all platforms, and another for each that can also be logged in to with other secrets (Discord: the
/// bot, the webhook).
pub fn ways(server: &Server, home: &Path) -> Vec<Hint> {
    let fields = |hint: &Hint| hint.secrets.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let mut ways = Vec::new();
    for (one, first) in platform::ALL.iter().zip(hints(server, home)) {
        let second = (!first.secrets.is_empty()).then(|| hint(server, *one, 1, home));
        let second = second.filter(|second| fields(second) != fields(&first));
        ways.extend([Some(first), second].into_iter().flatten());
    }
    ways
}

fn hint(server: &Server, platform: &dyn Platform, n: usize, home: &Path) -> Hint {
    use secrecy::ExposeSecret;
    let twin = account(server, platform, n, home);
    let settings = twin.settings.as_object().into_iter().flatten();
    Hint {
        platform: platform.spec().name,
        hosts: platform.twin().hosts(),
        mirror: format!("XPOST_MIRROR={}", server.url()),
        server: twin.server,
        settings: settings
            .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_string)))
            .collect(),
        secrets: twin.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose_secret().to_string())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_twins_are_served_and_no_host_twice() {
        let server = serve(&ServerOptions::default()).unwrap();
        let hints = hints(&server, Path::new("home"));
        assert_eq!(hints.len(), platform::ALL.len());
        let mut owned = std::collections::BTreeSet::new();
        for platform in platform::ALL {
            let twin = platform.twin();
            let shared = twin.shares();
            for host in twin.hosts().into_iter().filter(|host| !shared.contains(host)) {
                assert!(owned.insert(host.to_lowercase()), "`{host}` is served twice");
            }
        }
        for (platform, hint) in platform::ALL.iter().zip(&hints) {
            let wanted = platform.spec().fields.iter().filter(|field| field.required);
            for field in wanted {
                let given = hint.settings.iter().chain(&hint.secrets).any(|(name, _)| name == field.name);
                assert!(given, "the twin's account of {} has no `{}`", hint.platform, field.name);
            }
        }
    }

    #[test]
    fn the_second_way_in_is_shown_too() {
        let server = serve(&ServerOptions::default()).unwrap();
        let ways = ways(&server, Path::new("home"));
        let of = |name: &str| ways.iter().filter(|hint| hint.platform == name).collect::<Vec<_>>();
        for platform in platform::ALL {
            let [first, second] = [0, 1].map(|n| platform.twin_account(n, Path::new("home")));
            let names = [first, second].map(|one| one.secrets.keys().cloned().collect::<Vec<_>>());
            let wanted = if names[0] == names[1] { &names[..1] } else { &names[..] };
            let shown = of(platform.spec().name);
            let shown: Vec<Vec<_>> =
                shown.iter().map(|hint| hint.secrets.iter().map(|one| one.0.clone()).collect()).collect();
            assert_eq!(shown, wanted, "{}", platform.spec().name);
        }
        let discord = of("discord");
        assert_eq!(discord.iter().map(|hint| hint.secrets[0].0.as_str()).collect::<Vec<_>>(), ["token", "webhook"]);
    }
}
