//! The explanations of the rules: why a rule exists, a wrong file and a correct one.

use super::Code;

impl Code {
    /// Returns the explanation of the rule as Markdown: the rule in one line, its reason or its
    /// remedy, and in most cases an `init.yaml` that breaks it (marked `yaml,wrong`) and one that
    /// does not.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Unreadable => include_str!("explain/E001.md"),
            Self::FileTooLarge => include_str!("explain/E002.md"),
            Self::Syntax => include_str!("explain/E003.md"),
            Self::TooDeep => include_str!("explain/E004.md"),
            Self::TooManyNodes => include_str!("explain/E005.md"),
            Self::SelfAlias => include_str!("explain/E006.md"),
            Self::DuplicateKey => include_str!("explain/E007.md"),
            Self::NonStringKey => include_str!("explain/E008.md"),
            Self::MergeKey => include_str!("explain/E009.md"),
            Self::Tag => include_str!("explain/E010.md"),
            Self::SecondDocument => include_str!("explain/E011.md"),
            Self::Undecodable => include_str!("explain/E012.md"),
            Self::MissingSpace => include_str!("explain/E013.md"),
            Self::UnknownKey => include_str!("explain/E020.md"),
            Self::MissingKey => include_str!("explain/E021.md"),
            Self::WrongKind => include_str!("explain/E022.md"),
            Self::Version => include_str!("explain/E023.md"),
            Self::Extends => include_str!("explain/E024.md"),
            Self::BadName => include_str!("explain/E030.md"),
            Self::DuplicateName => include_str!("explain/E031.md"),
            Self::NamesDifferInCase => include_str!("explain/E032.md"),
            Self::TwoRoles => include_str!("explain/E033.md"),
            Self::ReservedName => include_str!("explain/E034.md"),
            Self::BadIp => include_str!("explain/E040.md"),
            Self::BadPort => include_str!("explain/E041.md"),
            Self::DuplicateAddress => include_str!("explain/E042.md"),
            Self::UnknownProvider => include_str!("explain/E050.md"),
            Self::UnknownTenant => include_str!("explain/E051.md"),
            Self::TenantIsServer => include_str!("explain/E052.md"),
            Self::DuplicateTenant => include_str!("explain/E053.md"),
            Self::ProviderList => include_str!("explain/E054.md"),
            Self::BadPath => include_str!("explain/E060.md"),
            Self::NativeWithPath => include_str!("explain/E061.md"),
            Self::SameFile => include_str!("explain/E062.md"),
            Self::BadDuration => include_str!("explain/E063.md"),
            Self::BadSize => include_str!("explain/E064.md"),
            Self::BadConcurrency => include_str!("explain/E065.md"),
            Self::BadGrant => include_str!("explain/E066.md"),
            Self::BadType => include_str!("explain/E070.md"),
            Self::DuplicateSignature => include_str!("explain/E071.md"),
            Self::GeneratedName => include_str!("explain/E072.md"),
            Self::RecursiveType => include_str!("explain/E073.md"),
            Self::TypeMembers => include_str!("explain/E074.md"),
            Self::TypeTooLarge => include_str!("explain/E075.md"),
            Self::SignatureTooLarge => include_str!("explain/E076.md"),
            Self::SourceMissing => include_str!("explain/E080.md"),
            Self::SourceNotAFile => include_str!("explain/E081.md"),
            Self::SourceTooLarge => include_str!("explain/E082.md"),
            Self::SourceSyntax => include_str!("explain/E083.md"),
            Self::FunctionMissing => include_str!("explain/E084.md"),
            Self::WrongArity => include_str!("explain/E085.md"),
            Self::WrongParameterName => include_str!("explain/E086.md"),
            Self::WrongAnnotation => include_str!("explain/E087.md"),
            Self::ImportNotShipped => include_str!("explain/E088.md"),
        }
    }
}
