//! [`Code`]: the rules of `init.yaml`, each with its number.

use std::fmt;

/// Declares [`Code`]. The documentation line of a rule is also the text of [`Code::explanation`].
macro_rules! codes {
    ($(#[doc = $line:literal] $variant:ident = $number:literal,)*) => {
        /// A rule of `init.yaml`. Its number never changes and is never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $line] $variant = $number,)*
        }

        impl Code {
            /// All rules, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the rule in one line.
            pub fn rule(self) -> &'static str {
                match self {
                    $(Self::$variant => $line.trim_ascii(),)*
                }
            }
        }
    };
}

codes! {
    /// The file must be a readable regular file of UTF-8 text.
    Unreadable = 1,
    /// The file has at most 32 MiB.
    FileTooLarge = 2,
    /// The file must be YAML.
    Syntax = 3,
    /// Lists and mappings nest at most 64 levels deep; an alias counts as the value that it refers to.
    TooDeep = 4,
    /// The file has at most 1,000,000 keys and values; an alias counts as the value that it refers to.
    TooManyNodes = 5,
    /// An alias must not be inside the value that it refers to.
    SelfAlias = 6,
    /// A mapping must not have the same key twice.
    DuplicateKey = 7,
    /// Every key must be text; numbers, `true` and `null` need quotes, and lists and mappings cannot be keys.
    NonStringKey = 8,
    /// Merge keys (`<<`) are not supported.
    MergeKey = 9,
    /// Tags (`!name`) are not supported.
    Tag = 10,
    /// The file must be one YAML document.
    SecondDocument = 11,
    /// The two YAML parsers that read the file must agree on what it says.
    Undecodable = 12,
    /// A `:` between a key and its value must be followed by a space.
    MissingSpace = 13,
    /// A mapping must have only the keys that belong to it.
    UnknownKey = 20,
    /// A required key must be present and have a value.
    MissingKey = 21,
    /// A value must be of the kind that its key takes: text, an integer, a list, a mapping.
    WrongKind = 22,
    /// The only `version` is 1.
    Version = 23,
    /// `extends` must be the path of a file that can be read and does not extend this one, at most eight files in a row; entries are merged only where both files write them by name.
    Extends = 24,
    /// A name must match `[A-Za-z][A-Za-z0-9_]*`, have at most 200 characters, and must not be a Python keyword or one of `self`, `Self`, `super`, `crate`.
    BadName = 30,
    /// A name must be declared only once.
    DuplicateName = 31,
    /// Two names must not differ only in upper and lower case.
    NamesDifferInCase = 32,
    /// A server must not have the same name as a client or a deployer.
    TwoRoles = 33,
    /// Some names are reserved for built-in types and for generated code.
    ReservedName = 34,
    /// An `ip` must be a literal IPv4 or IPv6 address of one machine.
    BadIp = 40,
    /// A port must be between 1 and 65535.
    BadPort = 41,
    /// Two servers must not listen on the same address.
    DuplicateAddress = 42,
    /// A `provider` must be one of the servers.
    UnknownProvider = 50,
    /// A tenant must be one of the clients.
    UnknownTenant = 51,
    /// A server does not call services, so it cannot be a tenant.
    TenantIsServer = 52,
    /// A service must list each tenant only once.
    DuplicateTenant = 53,
    /// A service has one provider; a list is reserved for a later version.
    ProviderList = 54,
    /// A path must be relative to the folder of the file and stay inside it, with `/` between its parts.
    BadPath = 60,
    /// A native procedure must not have a `path`.
    NativeWithPath = 61,
    /// A service must not list two modules with the same import name, or the same data file twice.
    SameFile = 62,
    /// A duration must be a whole number with a unit: `250ms`, `5s`, `2m`, `1h`; a deadline is at most 366 days.
    BadDuration = 63,
    /// A size must be a whole number with a unit: `64KiB`, `512MiB`, `2GiB`.
    BadSize = 64,
    /// `concurrency` must be at least 1.
    BadConcurrency = 65,
    /// A grant must name a port, an absolute path or an environment variable.
    BadGrant = 66,
    /// A type must be a built-in type, such as `int` or `List[str]`, or a name that is declared under `types`.
    BadType = 70,
    /// Two procedures with the same name must differ in the types of their arguments.
    DuplicateSignature = 71,
    /// The code that is generated for two procedures or items must not get the same name.
    GeneratedName = 72,
    /// A record must not contain itself.
    RecursiveType = 73,
    /// A record has 1 to 1,000 fields, an enumeration has 1 to 1,000 items, and none is listed twice.
    TypeMembers = 74,
    /// A type nests at most 32 levels deep and contains at most 10,000 types; the types inside a record count each time the record is used.
    TypeTooLarge = 75,
    /// A procedure has at most 1,000 arguments and 12 returned values, and its signature has at most 256 KiB.
    SignatureTooLarge = 76,
    /// A procedure's file, a module or a data file must exist.
    SourceMissing = 80,
    /// A procedure's file, a module or a data file must be a regular file inside the project.
    SourceNotAFile = 81,
    /// A procedure's file, a module or a data file has at most 8 MiB.
    SourceTooLarge = 82,
    /// A procedure's file and a `.py` module must be valid Python.
    SourceSyntax = 83,
    /// A procedure's file must define a plain function with the procedure's name.
    FunctionMissing = 84,
    /// A function must take the declared number of arguments, by position.
    WrongArity = 85,
    /// A parameter must have the declared name.
    WrongParameterName = 86,
    /// An annotation must not contradict the declared type.
    WrongAnnotation = 87,
    /// A file of the project that a source imports must be one of the service's `modules`.
    ImportNotShipped = 88,
}

impl Code {
    /// Returns the rule with this number, written as `E012`, `e012` or `12`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(['E', 'e']).unwrap_or(text);
        let number: u16 = digits
            .parse()
            .ok()
            .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        Self::ALL
            .iter()
            .copied()
            .find(|code| *code as u16 == number)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{:03}", *self as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_ascending_order_and_are_parsed_in_every_spelling() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| (pair[0] as u16) < (pair[1] as u16))
        );
        for code in Code::ALL {
            assert_eq!(Code::parse(&code.to_string()), Some(*code));
            assert!(code.rule().ends_with('.'), "{code}");
        }
        assert_eq!(Code::UnknownTenant.to_string(), "E051");
        for written in ["E051", "e051", "51", "051", "e51"] {
            assert_eq!(Code::parse(written), Some(Code::UnknownTenant), "{written}");
        }
        for wrong in [
            "E999", "", "E", "E+51", "+51", "51E", "EE51", "E51 ", "99999999",
        ] {
            assert_eq!(Code::parse(wrong), None, "{wrong}");
        }
    }
}
