use super::{Desk, Facts, Grant, Password, Secrets};
use crate::net::{Fault, Kind};

pub async fn enter(_: &Desk<'_>, _: &Password) -> Result<Grant, Fault> {
    Err(Fault::new(Kind::Unsupported, "to come"))
}

pub async fn revoke(_: &Desk<'_>, _: &Password, _: &Secrets, _: &Facts) -> Result<bool, Fault> {
    Err(Fault::new(Kind::Unsupported, "to come"))
}
