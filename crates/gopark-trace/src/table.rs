//! The macro that turns one table into an enum, its codec, its docs and its narration.

/// One row of the table of events or of rules.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its byte on the wire.
    pub code: u8,
    /// The variant's name.
    pub name: &'static str,
    /// Lines that say what it means.
    pub doc: &'static [&'static str],
    /// Where it comes from: a function of Go's runtime, or "gopark" for what Go lacks.
    pub source: &'static str,
    /// The sentence with `{argument}` places.
    pub text: &'static str,
    /// Its arguments in wire order.
    pub args: &'static [ArgSpec],
}

impl Spec {
    /// The meaning as one paragraph.
    pub fn meaning(&self) -> String {
        self.doc.iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// One argument of a row.
#[derive(Debug, Clone, Copy)]
pub struct ArgSpec {
    /// The field's name.
    pub name: &'static str,
    /// The field's type on the wire.
    pub ty: &'static str,
}

/// `table! { doc, enum Name, TABLE; rows }`: a row is
/// `/// meaning` `code Variant { field: Type } from "Go function" => "sentence with {field}";`
macro_rules! table {
    (
        $(#[$meta:meta])* pub enum $Enum:ident, $TABLE:ident;
        $( $(#[doc = $doc:literal])+
           $code:literal $Name:ident { $( $(#[doc = $fdoc:literal])* $field:ident : $ty:ty ),* $(,)? }
           from $source:literal => $text:literal; )*
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $Enum { $(
            $(#[doc = $doc])+
            #[doc = ""]
            #[doc = concat!("Source: `", $source, "`.")]
            $Name { $( #[doc = concat!("`", stringify!($field), "`")] $(#[doc = $fdoc])* $field: $ty ),* },
        )* }

        #[doc = concat!("The table of [`", stringify!($Enum), "`]s, in wire order.")]
        pub const $TABLE: &[$crate::table::Spec] = &[ $( $crate::table::Spec {
            code: $code,
            name: stringify!($Name),
            doc: &[$($doc),+],
            source: $source,
            text: $text,
            args: &[ $( $crate::table::ArgSpec {
                name: stringify!($field),
                ty: <$ty as $crate::wire::Wire>::TYPE,
            } ),* ],
        } ),* ];

        impl $Enum {
            /// The byte that stands for this variant on the wire.
            pub fn code(&self) -> u8 {
                match self { $( Self::$Name { .. } => $code, )* }
            }

            /// The variant's name.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$Name { .. } => stringify!($Name), )* }
            }

            /// Its row in the table.
            pub fn spec(&self) -> &'static $crate::table::Spec {
                let code = self.code();
                $TABLE.iter().find(|s| s.code == code).expect("every variant is a row")
            }
        }

        impl ::std::fmt::Display for $Enum {
            #[allow(unused_variables)]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self { $( Self::$Name { $($field),* } => {
                    $( let $field = $crate::wire::Shown($field); )*
                    write!(f, $text)
                } )* }
            }
        }

        impl $crate::wire::Wire for $Enum {
            const TYPE: &'static str = stringify!($Enum);
            fn write<O: $crate::wire::Out>(&self, out: &mut O) {
                match self { $( Self::$Name { $($field),* } => {
                    out.put($code, 1);
                    $( $crate::wire::Wire::write($field, out); )*
                } )* }
            }
            fn get(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                let start = r.wanted(concat!("the code of a known ", stringify!($Enum)));
                match r.byte()? {
                    $( $code => Ok(Self::$Name { $( $field: $crate::wire::Wire::get(r)? ),* }), )*
                    _ => Err(start),
                }
            }
            fn show(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{self}")
            }
            fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
                let row = &$TABLE[dice($TABLE.len() as u64) as usize];
                match row.code {
                    $( $code => Self::$Name { $( $field: $crate::wire::Wire::arbitrary(dice) ),* }, )*
                    _ => unreachable!("a code of the table"),
                }
            }
        }
    };
}

/// A struct whose fields are written one after another.
macro_rules! wire_struct {
    ( $( $(#[$meta:meta])* pub struct $Name:ident { $( $(#[$fmeta:meta])* pub $field:ident : $ty:ty ),* $(,)? } )* ) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Name { $( $(#[$fmeta])* pub $field: $ty ),* }

        impl $crate::wire::Wire for $Name {
            const TYPE: &'static str = stringify!($Name);
            fn write<O: $crate::wire::Out>(&self, out: &mut O) {
                $( $crate::wire::Wire::write(&self.$field, out); )*
            }
            fn get(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                Ok(Self { $( $field: $crate::wire::Wire::get(r)? ),* })
            }
            fn show(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(stringify!($Name))
            }
            fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
                Self { $( $field: $crate::wire::Wire::arbitrary(dice) ),* }
            }
        }
    )* };
}

/// A closed set of words: each a variant with its byte and its text.
macro_rules! words {
    ( $( $(#[$meta:meta])* pub enum $Name:ident { $( $(#[doc = $doc:literal])+ $code:literal $Variant:ident = $text:literal, )* } )* ) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $Name { $( $(#[doc = $doc])+ $Variant, )* }

        impl $Name {
            /// Every word of the set.
            pub const ALL: &[Self] = &[ $( Self::$Variant ),* ];

            /// Its text.
            pub fn text(self) -> &'static str {
                match self { $( Self::$Variant => $text, )* }
            }
        }

        impl ::std::fmt::Display for $Name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.text())
            }
        }

        impl $crate::wire::Wire for $Name {
            const TYPE: &'static str = stringify!($Name);
            #[inline]
            fn write<O: $crate::wire::Out>(&self, out: &mut O) {
                out.put(match self { $( Self::$Variant => $code, )* }, 1);
            }
            fn get(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                let start = r.wanted(concat!("a ", stringify!($Name)));
                match r.byte()? { $( $code => Ok(Self::$Variant), )* _ => Err(start) }
            }
            fn show(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{self}")
            }
            fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
                Self::ALL[dice(Self::ALL.len() as u64) as usize]
            }
        }
    )* };
}
