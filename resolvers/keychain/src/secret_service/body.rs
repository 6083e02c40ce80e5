//! What a call is made with.

use std::collections::HashMap;

use serde::{Serialize, Serializer};
use zbus::{DynamicType, OwnedObjectPath, Signature, Variant};

use super::wire::Wired;

macro_rules! bodies {
    ($($name:ident: $body:ty,)*) => {
        /// One type for all: of each, zbus would compile a whole call for itself, which takes 4 KB.
        pub(super) enum Body<'b> {
            $($name(&'b $body),)*
        }

        $(impl<'b> From<&'b $body> for Body<'b> {
            fn from(body: &'b $body) -> Self {
                Self::$name(body)
            }
        })*

        impl Serialize for Body<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$name(body) => body.serialize(serializer),)*
                }
            }
        }

        impl DynamicType for Body<'_> {
            fn signature(&self) -> Signature {
                match self {
                    $(Self::$name(body) => body.signature(),)*
                }
            }
        }
    };
}

type Attributes<'b> = HashMap<&'b str, &'b str>;
type Properties<'b> = HashMap<&'b str, Variant<'b>>;

bodies! {
    Nothing: (),
    Word: &'b str,
    Property: (&'b str, &'b str),
    Change: (&'b str, &'b str, Variant<'b>),
    Attributes: Attributes<'b>,
    Offer: (&'b str, Variant<'b>),
    Entries: (&'b [OwnedObjectPath], &'b OwnedObjectPath),
    Secret: (Wired,),
    Item: (Properties<'b>, Wired, bool),
    Password: (&'b OwnedObjectPath, Wired),
    Keychain: (Properties<'b>, Wired),
    Alias: (&'b str, &'b OwnedObjectPath),
}
