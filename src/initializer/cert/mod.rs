//! `cert`: makes, lists, renews and revokes the certificates of a network. It works on files alone,
//! except that [`bring`] brings a revocation list to the servers.
//!
//! | module | contents |
//! |---|---|
//! | `arguments` | the command line |
//! | `layout` | which folder belongs to whom |
//! | `declared`, `select` | whom the file names; whom the command line means |
//! | `private_files`, `folder_lock` | files are written whole and privately, by one program at a time |
//! | `inspect` | what is in the folder of a server, a client or a deployer |
//! | `authority` | the CA and its revocation list |
//! | `workshop` | all of the above together, for the verbs that change something |
//! | `make`, `list`, `renew`, `revoke` | the verbs |
//! | `print`, `steps`, `words` | the output |

mod arguments;
mod authority;
mod bring;
mod declared;
mod folder_lock;
mod inspect;
mod layout;
mod list;
mod make;
mod print;
mod private_files;
mod renew;
mod revoke;
mod select;
mod steps;
mod words;
mod workshop;

pub(super) use self::arguments::CertArguments;
use self::arguments::CertVerb;
use super::VerbError;
use crate::exit_status::ExitStatus;

/// Carries out `cert` or a verb below it.
pub(super) async fn cert(arguments: &CertArguments) -> Result<ExitStatus, VerbError> {
    match &arguments.verb {
        None => make::make(&arguments.make),
        Some(CertVerb::List(list)) => list::list(list),
        Some(CertVerb::Renew(renew)) => renew::renew(renew),
        Some(CertVerb::Revoke(revoke)) => revoke::revoke(revoke).await,
    }
}
