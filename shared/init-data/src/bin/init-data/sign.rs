//! `init-data sign`: makes strings for tests.

use std::io::Write;

use minigate_init_data::{Signer, ThirdPartySigner};

use crate::options::{Failure, Options};

/// Prints the signed string.
pub(crate) fn run(mut options: Options, out: &mut impl Write) -> Result<bool, Failure> {
    let tokens = options.take_tokens()?;
    let fields = options
        .positional
        .iter()
        .map(|field| field.split_once('=').ok_or_else(|| Failure::new("a field is KEY=VALUE")))
        .collect::<Result<Vec<_>, _>>()?;
    let auth_date = options.auth_date.unwrap_or(options.now);

    let signed = match (&tokens[..], &options.keys[..], options.third_party_secret_key) {
        ([token], [], secret_key) => {
            let mut signer =
                Signer::from_bot_token(&token.token).map_err(|error| token.failure(error))?;
            if let Some(secret_key) = secret_key {
                signer = signer.with_third_party_key(secret_key);
            }
            if options.login_widget {
                signer.sign_login_widget(&fields, auth_date)
            } else {
                signer.sign(&fields, auth_date)
            }
        }
        ([], [key], Some(secret_key)) if !options.login_widget => {
            ThirdPartySigner::new(key.bot_id(), secret_key).sign(&fields, auth_date)
        }
        _ => {
            return Err(Failure::new("sign takes one token, or --third-party with its secret key"));
        }
    };
    let init_data = signed.map_err(|error| Failure::new(error.to_string()))?;
    writeln!(out, "{init_data}")?;
    Ok(true)
}
