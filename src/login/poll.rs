use super::{Desk, Grant, Poll};
use crate::net::{Fault, Kind};

pub async fn enter(_: &Desk<'_>, _: &Poll) -> Result<Grant, Fault> {
    Err(Fault::new(Kind::Unsupported, "to come"))
}
