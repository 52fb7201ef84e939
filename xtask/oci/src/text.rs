//! Types that are written as their text.

/// Writes types as their text, in `Debug` and in JSON.
macro_rules! text_like {
    ($($name:ty),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
pub(crate) use text_like;

/// Types that are read from JSON as their text, with all checks.
macro_rules! parsed_text {
    ($($name:ty),*) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(|why| {
                    serde::de::Error::custom(format_args!("`{}`: {why}", text.escape_debug()))
                })
            }
        }
    )*};
}
pub(crate) use parsed_text;

/// The text of types that hold nothing else.
macro_rules! text_only {
    ($($name:ty),*) => {$(
        $crate::text::parsed_text!($name);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        $crate::text::text_like!($name);
    )*};
}
pub(crate) use text_only;
