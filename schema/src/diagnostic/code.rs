//! [`Code`]: the rules of `init.yaml`, each with its number.

use std::fmt;

/// Declares [`Code`], so that a rule's line of documentation is also what [`Code::explanation`] says.
macro_rules! codes {
    ($(#[doc = $line:literal] $variant:ident = $number:literal,)*) => {
        /// A rule of `init.yaml`. Its number never changes and is never used again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $line] $variant = $number,)*
        }

        impl Code {
            /// Every rule, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The rule in one line.
            pub fn explanation(self) -> &'static str {
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
    /// Lists and mappings nest at most 64 deep, aliases counted as what they stand for.
    TooDeep = 4,
    /// The file has at most 1,000,000 keys and values, aliases counted as what they stand for.
    TooManyNodes = 5,
    /// An alias must not stand inside what it stands for.
    SelfAlias = 6,
    /// A mapping has each key once.
    DuplicateKey = 7,
    /// Every key is text; a number, `true`, `null`, a list or a mapping is none unless it is quoted.
    NonStringKey = 8,
    /// Merge keys (`<<`) are not supported.
    MergeKey = 9,
    /// Tags (`!name`) are not supported.
    Tag = 10,
    /// The file is one YAML document.
    SecondDocument = 11,
    /// The two YAML parsers that read the file must agree on what it says.
    Undecodable = 12,
    /// A key must be one of those that this mapping knows.
    UnknownKey = 20,
    /// A key that is needed must be there and have a value.
    MissingKey = 21,
    /// A value must be of the kind that its key takes: text, an integer, a list, a mapping.
    WrongKind = 22,
    /// The only `version` is 1.
    Version = 23,
    /// A name is `[A-Za-z][A-Za-z0-9_]*`, no Python keyword and none of `self`, `Self`, `super`, `crate`.
    BadName = 30,
    /// A name is declared once.
    DuplicateName = 31,
    /// Two names must not differ in upper and lower case alone.
    NamesDifferInCase = 32,
    /// A server has a name that no client and no deployer has.
    TwoRoles = 33,
    /// Some names are taken by what is generated beside them.
    ReservedName = 34,
    /// An `ip` is a literal IPv4 or IPv6 address.
    BadIp = 40,
    /// A port is between 1 and 65535.
    BadPort = 41,
    /// Two servers must not listen on one address.
    DuplicateAddress = 42,
    /// A `provider` is one of the servers.
    UnknownProvider = 50,
    /// A tenant is one of the clients.
    UnknownTenant = 51,
    /// A server calls no services, so it is nobody's tenant.
    TenantIsServer = 52,
    /// A tenant is listed once.
    DuplicateTenant = 53,
    /// A service has one provider; a list is reserved for a later version.
    ProviderList = 54,
    /// A path leads from the folder of the file downwards, with `/` between its parts.
    BadPath = 60,
    /// A native procedure has no file.
    NativeWithPath = 61,
    /// The modules and the data files of a service must be told apart, modules by the name they are imported by.
    SameFile = 62,
    /// A duration is a whole number with its unit: `250ms`, `5s`, `2m`, `1h`.
    BadDuration = 63,
    /// A size is a whole number with its unit: `64KiB`, `512MiB`, `2GiB`.
    BadSize = 64,
    /// `concurrency` is at least 1.
    BadConcurrency = 65,
    /// A grant names a port, an absolute path or an environment variable.
    BadGrant = 66,
    /// A type is written as the type table has it.
    BadType = 70,
    /// Two procedures of one name differ in the types of their arguments.
    DuplicateSignature = 71,
    /// What is generated for two procedures must not have one name.
    GeneratedName = 72,
    /// A record must not contain itself.
    RecursiveType = 73,
    /// A record has fields and an enumeration has items: at least one, at most 1,000, each once.
    TypeMembers = 74,
    /// A type nests at most 32 deep and mentions at most 10,000 types, those inside its records counted each time.
    TypeTooLarge = 75,
    /// A procedure's file, a module or a data file must be there.
    SourceMissing = 80,
    /// A procedure's file, a module or a data file is a regular file of the project.
    SourceNotAFile = 81,
    /// A procedure's file, a module or a data file has at most 8 MiB.
    SourceTooLarge = 82,
    /// A procedure's file and a `.py` module hold Python that can be parsed.
    SourceSyntax = 83,
    /// A procedure's file defines a plain function of the procedure's name.
    FunctionMissing = 84,
    /// A function takes as many arguments as are declared, by position.
    WrongArity = 85,
    /// A parameter has the name that is declared.
    WrongParameterName = 86,
    /// An annotation does not contradict the declared type.
    WrongAnnotation = 87,
    /// A file that is imported from beside a source is one of the service's `modules`.
    ImportNotShipped = 88,
}

impl Code {
    /// The rule of that number, written `E012`, `e012`, or `12`.
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
    fn numbers_rise_and_are_read_back() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| (pair[0] as u16) < (pair[1] as u16))
        );
        for code in Code::ALL {
            assert_eq!(Code::parse(&code.to_string()), Some(*code));
            assert!(code.explanation().ends_with('.'), "{code}");
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
