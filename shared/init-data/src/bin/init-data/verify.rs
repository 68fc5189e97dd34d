//! `init-data verify`: one string, one answer.

use std::io::Write;

use minigate_init_data::{Key, LoginWidgetVerifier, Verifier};

use crate::options::{Failure, Options};

/// Prints `ok` and who it is about, or the code of the refusal; returns whether it is `ok`.
pub(crate) fn run(mut options: Options, out: &mut impl Write) -> Result<bool, Failure> {
    let tokens = options.take_tokens()?;
    let init_data = options.init_data()?;
    for token in &tokens {
        let key = Key::from_bot_token(&token.token).map_err(|error| token.failure(error))?;
        options.keys.push(key.with_label(&token.label));
    }
    let answer = if options.login_widget {
        LoginWidgetVerifier::from_bot_tokens(tokens.iter().map(|token| &token.token))?
            .with_max_age(options.max_age)
            .with_max_skew(options.max_skew)
            .verify(&init_data, options.now)
            .map(|data| format!("ok: bot {}, user {}", data.bot_id(), data.id()))
    } else {
        Verifier::new(options.keys)?
            .with_max_age(options.max_age)
            .with_max_skew(options.max_skew)
            .verify(&init_data, options.now)
            .map(|data| {
                let key = data.key_label().unwrap_or_default();
                let user = data.user().map_or("none".to_owned(), |user| user.id.to_string());
                format!("ok: bot {}, key {key}, user {user}", data.bot_id())
            })
    };
    match &answer {
        Ok(text) => writeln!(out, "{text}")?,
        Err(error) => writeln!(out, "{}: {error}", error.code())?,
    }
    Ok(answer.is_ok())
}
