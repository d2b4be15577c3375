use super::{Code, Desk, Facts, Grant, Secrets};
use crate::net::{Fault, Kind};

pub async fn enter(_: &Desk<'_>, _: &Code) -> Result<Grant, Fault> {
    Err(Fault::new(Kind::Unsupported, "to come"))
}

pub async fn renew(_: &Desk<'_>, _: &Code, _: &Secrets, _: &Facts) -> Result<Option<Grant>, Fault> {
    Err(Fault::new(Kind::Unsupported, "to come"))
}

pub async fn revoke(_: &Desk<'_>, _: &Code, _: &Secrets, _: &Facts) -> Result<bool, Fault> {
    Err(Fault::new(Kind::Unsupported, "to come"))
}
