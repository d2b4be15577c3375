//! The contract between xpost and a network, and the list of networks.
//!
//! A network is a folder here and one word in `networks!` below; nothing outside its folder names it.

mod container;
mod container_login;
mod container_twin;
mod contract;
mod cx;
mod fit;
mod fit_check;
mod fit_compose;
mod fit_flow;
mod fit_media;
pub mod graph;
mod hooked;
#[cfg(test)]
mod person;
mod spec;
#[cfg(test)]
mod stage;
pub mod upload;
mod upload_cut;
mod upload_state;

pub use contract::{
    AccountInfo, Ask, Content, ContentPost, Cost, Delete, Edit, Extra, Extras, Find, Found, MediaUse, Part, Piece,
    Place, Platform, Post, Profile, Ready, Receipt, Reference, Rendered, Sink, TargetOffer, Targets, TwinAccount,
    explain_by_status, filled, payload_error,
};
pub use cx::Cx;
pub use fit::{PlanNote, standard};
pub(crate) use fit_compose::shortened;
pub use fit_media::{Judged, judge};
pub use spec::{
    Api, Card, Field, FieldKind, FileRule, ImageRule, Limits, MediaRule, PollRule, Repeat, Server, Spec, TextRule,
    Title, VideoRule,
};

/// Declares the modules and the list from one set of names, in alphabetical order.
macro_rules! networks {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// Every network, in alphabetical order.
        pub static ALL: &[&dyn Platform] = &[$(&$name::Network),*];
    };
}

networks! {
    bluesky,
    discord,
    facebook,
    feed,
    instagram,
    linkedin,
    mastodon,
    mattermost,
    ok,
    slack,
    telegram,
    threads,
    tiktok,
    viber,
    vk,
    webhook,
    whatsapp,
    x,
    youtube,
}

static MORE: std::sync::OnceLock<&'static [&'static dyn Platform]> = std::sync::OnceLock::new();

/// Makes networks of a program that embeds this one known to it, once, before anything else is done.
pub fn add(more: &'static [&'static dyn Platform]) {
    MORE.get_or_init(|| more);
}

/// All that is known: [`ALL`], then what [`add`] added.
pub fn known() -> impl Iterator<Item = &'static dyn Platform> {
    ALL.iter().chain(MORE.get().copied().unwrap_or_default()).copied()
}

/// The network of this name.
pub fn by_name(name: &str) -> Option<&'static dyn Platform> {
    known().find(|platform| platform.spec().name == name)
}
