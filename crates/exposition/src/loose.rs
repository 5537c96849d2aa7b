//! A page as it was sent, before anybody asked whether a gateway would serve it.
//!
//! ```text
//! bytes ─ loose::text or loose::protobuf ─▶ [Family] ─ checked ─▶ Families
//! ```
//!
//! What is read here is well formed and no more: labels may bear names that Prometheus keeps for itself, a series may
//! come twice, a value may be of another type than its family, and families may collide. A store that overwrites labels
//! before it checks them starts here; whoever wants a page that holds takes [`parse()`](crate::parse()) or
//! [`protobuf::parse`](crate::protobuf::parse). Names and values borrow from the page where nothing was escaped.

pub use crate::parse::loose as text;
pub use crate::protobuf::loose as protobuf;
pub use crate::raw::{Family, Label, Series};
