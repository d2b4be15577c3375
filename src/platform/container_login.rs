//! The login that Threads and Instagram share: a code for a token of an hour, that for one of 60 days, which is renewed with itself.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::login::{
    AppSecret, Challenge, Client, Code, Dialect, Exchange, Flow, Life, Redirect, Renew, Scope, Secrets, Typed,
};

/// Meta renews no token that is younger.
const YOUNG: Duration = Duration::from_secs(86_400);
/// A token is renewed when it is a week old: one that is left alone for 60 days is gone.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Where the two differ.
pub(super) struct Meta {
    pub authorize: &'static str,
    pub token: &'static str,
    /// Where in the answer the token is.
    pub answer: &'static str,
    pub scopes: &'static [Scope],
    pub longer: &'static str,
    pub longer_grant: &'static str,
    pub renew: &'static str,
    pub renew_grant: &'static str,
    /// How long a token lives.
    pub life: Duration,
}

/// The flow: no PKCE, the app's secret is needed, and Meta sends nobody back to this machine: the address is pasted.
pub(super) const fn code(meta: &Meta) -> Code {
    Code {
        authorize: meta.authorize,
        token: meta.token,
        revoke: None,
        scopes: meta.scopes,
        joined: ",",
        challenge: Challenge::None,
        redirects: &[Redirect::Https],
        client: Client::App { secret: AppSecret::Needed },
        more: &[],
        dialect: Dialect { answer: meta.answer, ..Dialect::STANDARD },
        longer: Some(Exchange {
            url: meta.longer,
            grant_type: meta.longer_grant,
            token: "access_token",
            with_id: false,
            with_secret: true,
            not_before: Duration::ZERO,
        }),
        renew: Renew::Exchange(Exchange {
            url: meta.renew,
            grant_type: meta.renew_grant,
            token: "access_token",
            with_id: false,
            with_secret: false,
            not_before: YOUNG,
        }),
        life: Life { access: Some(meta.life), refresh: None, login: None, ahead: meta.life.saturating_sub(WEEK) },
    }
}

/// A token that was made on the app's dashboard.
pub(super) const PASTED: Flow = Flow::Typed(Typed { warning: None, check: Some(one_word) });

/// A token is one word; more, or nothing, was copied wrongly.
fn one_word(secrets: &Secrets) -> Result<(), String> {
    let token = secrets.get("token").map(|token| token.expose_secret().trim()).unwrap_or_default();
    if token.is_empty() || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("the token is not one word; copy it whole from the token generator".into());
    }
    Ok(())
}

/// For the tests of the two logins: a person without a browser on this machine, who agrees to everything and pastes what he landed on.
#[cfg(test)]
pub(super) mod sitter {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use secrecy::{ExposeSecret, SecretString};

    use crate::login::{self, App, Desk, Grant, Login, Person};
    use crate::net::{Door, DoorOptions, Fault, Redactor, Request};
    use crate::platform::stage::Stage;

    pub struct Ann {
        /// Where the twins are.
        pub mirror: String,
        pub visited: Mutex<String>,
        /// Changes the address that he opens.
        pub bend: fn(&str) -> String,
        /// Changes what he pastes.
        pub smudge: fn(&str) -> String,
    }

    impl Ann {
        pub fn new(stage: &Stage) -> Ann {
            Ann { mirror: stage.server.url(), visited: Mutex::default(), bend: str::to_string, smudge: str::to_string }
        }

        /// Logs in by this way with this app.
        pub async fn enter(
            &self,
            stage: &Stage,
            way: &Login,
            app: (&str, &str),
            redirect: Option<&str>,
        ) -> Result<Grant, Fault> {
            let (cx, redirect) = (stage.cx(), redirect.map(str::to_string));
            let app = App { id: app.0.into(), secret: Some(app.1.into()), redirect, scopes: None };
            login::enter(&Desk { app: Some(app), ..cx.desk(self) }, way).await
        }
    }

    #[async_trait]
    impl Person for Ann {
        fn browser(&self) -> bool {
            false
        }
        fn visit(&self, address: &str, _: Option<&str>) {
            *self.visited.lock().unwrap() = (self.bend)(address);
        }
        fn enter_code(&self, _: &str, _: &str, _: Option<&str>, _: chrono::DateTime<chrono::Utc>) {
            panic!("there is no such flow here");
        }
        async fn ask(&self, what: &str, _: bool) -> Result<SecretString, Fault> {
            assert_eq!(what, "paste the address");
            let address = self.visited.lock().unwrap().replacen("https:/", &self.mirror, 1);
            let door = Door::new(DoorOptions::default(), Redactor::default()).unwrap();
            let answer = door.send(Request::get(address)).await.unwrap();
            let landed = answer.header("location").unwrap_or("https://xpost.example/callback?error=no").to_string();
            Ok(SecretString::from((self.smudge)(&landed)))
        }
        fn say(&self, _: &str) {}
    }

    pub fn plain(grant: &Grant, name: &str) -> String {
        grant.secrets[name].expose_secret().to_string()
    }
}
