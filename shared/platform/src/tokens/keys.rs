//! The keys that sign and verify tokens.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use minigate_domain::Timestamp;

use super::{
    AccessClaims, RefreshClaims, TokenError, WireClaims,
    jws::{Parts, signing_input},
};
use crate::secrets::Versions;

const ACCESS_TOKEN: &str = "at+jwt";
const REFRESH_TOKEN: &str = "rt+jwt";

/// An Ed25519 key pair with its id. Its `Debug` shows only the id.
pub struct SigningKey {
    id: String,
    pair: ed25519_dalek::SigningKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.id)
    }
}

impl SigningKey {
    /// The key pair of a 32-byte seed (RFC 8032), named with 1 to 64 characters of
    /// `A-Z a-z 0-9 - _`; `None` for another name.
    pub fn new(id: &str, seed: &[u8; 32]) -> Option<Self> {
        let fits = (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then(|| Self { id: id.to_owned(), pair: ed25519_dalek::SigningKey::from_bytes(seed) })
    }

    fn verifying_key(&self) -> VerifyingKey {
        self.pair.verifying_key()
    }
}

/// The present key, which signs, and the previous one, which still verifies.
#[derive(Clone, Debug)]
pub struct KeyRing {
    versions: Arc<Versions<SigningKey>>,
    issuer: Arc<str>,
}

impl KeyRing {
    /// The keys of a deployment with this issuer.
    pub fn new(versions: Arc<Versions<SigningKey>>, issuer: Arc<str>) -> Self {
        Self { versions, issuer }
    }

    pub(crate) fn versions(&self) -> &Arc<Versions<SigningKey>> {
        &self.versions
    }

    /// When they were requested from Secrets Manager.
    pub fn fetched_at(&self) -> Timestamp {
        self.versions.fetched_at
    }

    /// The public keys as a JWK set (RFC 7517, RFC 8037): the present one and the previous one.
    pub fn jwks(&self) -> serde_json::Value {
        let keys = [Some(&self.versions.current), self.versions.previous.as_ref()];
        let jwk = |key: &SigningKey| {
            serde_json::json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": key.id,
                "x": URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
            })
        };
        serde_json::json!({ "keys": keys.into_iter().flatten().map(jwk).collect::<Vec<_>>() })
    }

    /// Signs an access token with these claims.
    pub fn sign_access(&self, claims: &AccessClaims) -> String {
        let AccessClaims { user_id, session_id, bot_id, tier, issued_at, expires_at } = *claims;
        self.sign(
            ACCESS_TOKEN,
            &WireClaims {
                iss: self.issuer.to_string(),
                sub: user_id.to_string(),
                sid: session_id,
                bot: bot_id,
                tier: Some(tier),
                generation: None,
                iat: issued_at.unix_seconds(),
                exp: expires_at.unix_seconds(),
            },
        )
    }

    /// Signs a refresh token with these claims.
    pub fn sign_refresh(&self, claims: &RefreshClaims) -> String {
        let RefreshClaims { user_id, session_id, bot_id, generation, issued_at, expires_at } =
            *claims;
        self.sign(
            REFRESH_TOKEN,
            &WireClaims {
                iss: self.issuer.to_string(),
                sub: user_id.to_string(),
                sid: session_id,
                bot: bot_id,
                tier: None,
                generation: Some(generation),
                iat: issued_at.unix_seconds(),
                exp: expires_at.unix_seconds(),
            },
        )
    }

    /// Verifies an access token at `now` and returns its claims.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_access(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let claims = self.verify(token, ACCESS_TOKEN, now)?;
        Ok(AccessClaims {
            user_id: claims.sub.parse().map_err(|_| TokenError::Malformed)?,
            session_id: claims.sid,
            bot_id: claims.bot,
            // Tokens from before there were tiers have none.
            tier: claims.tier.unwrap_or_default(),
            issued_at: from_seconds(claims.iat),
            expires_at: from_seconds(claims.exp),
        })
    }

    /// Verifies a refresh token at `now` and returns its claims.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        let claims = self.verify(token, REFRESH_TOKEN, now)?;
        Ok(RefreshClaims {
            user_id: claims.sub.parse().map_err(|_| TokenError::Malformed)?,
            session_id: claims.sid,
            bot_id: claims.bot,
            generation: claims.generation.ok_or(TokenError::Malformed)?,
            issued_at: from_seconds(claims.iat),
            expires_at: from_seconds(claims.exp),
        })
    }

    fn sign(&self, typ: &str, claims: &WireClaims) -> String {
        let key = &self.versions.current;
        let input = signing_input(typ, &key.id, claims);
        let signature = key.pair.sign(input.as_bytes()).to_bytes();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn verify(&self, token: &str, typ: &str, now: Timestamp) -> Result<WireClaims, TokenError> {
        let parts = Parts::of(token, typ)?;
        let signature = Signature::from_bytes(&parts.signature);
        let keys = [Some(&self.versions.current), self.versions.previous.as_ref()];
        let mut named = keys.into_iter().flatten().filter(|key| key.id == parts.kid).peekable();
        if named.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        let message = parts.signing_input.as_bytes();
        if !named.any(|key| key.verifying_key().verify_strict(message, &signature).is_ok()) {
            return Err(TokenError::Invalid);
        }
        let claims: WireClaims = parts.claims()?;
        if claims.iss != *self.issuer {
            return Err(TokenError::Invalid);
        }
        if now.unix_seconds() >= claims.exp {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

fn from_seconds(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use minigate_domain::{BotId, Tier, UserId};
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_760_000_000_000);

    fn ring(current: (&str, u8), previous: Option<(&str, u8)>) -> KeyRing {
        let key = |(id, byte): (&str, u8)| SigningKey::new(id, &[byte; 32]).unwrap();
        let (current, previous) = (key(current), previous.map(key));
        let versions = Versions { current, previous, fetched_at: NOW };
        KeyRing::new(Arc::new(versions), "minigate".into())
    }

    fn access() -> AccessClaims {
        AccessClaims {
            user_id: UserId::new(279_058_397).unwrap(),
            session_id: "00ff00ff00ff00ff00ff00ff00ff00ff".parse().unwrap(),
            bot_id: BotId::new(1).unwrap(),
            tier: Tier::Pro,
            issued_at: NOW,
            expires_at: NOW.after(Duration::from_secs(300)),
        }
    }

    fn refresh() -> RefreshClaims {
        let AccessClaims { user_id, session_id, bot_id, issued_at, expires_at, .. } = access();
        RefreshClaims { user_id, session_id, bot_id, generation: 7, issued_at, expires_at }
    }

    #[test]
    fn tokens_round_trip() {
        let ring = ring(("a", 1), None);
        assert_eq!(ring.verify_access(&ring.sign_access(&access()), NOW), Ok(access()));
        assert_eq!(ring.verify_refresh(&ring.sign_refresh(&refresh()), NOW), Ok(refresh()));
    }

    #[test]
    fn one_kind_is_not_taken_for_the_other() {
        let ring = ring(("a", 1), None);
        let (access, refresh) = (ring.sign_access(&access()), ring.sign_refresh(&refresh()));
        assert_eq!(ring.verify_refresh(&access, NOW), Err(TokenError::Malformed));
        assert_eq!(ring.verify_access(&refresh, NOW), Err(TokenError::Malformed));
    }

    #[test]
    fn a_token_ends_at_its_second() {
        let ring = ring(("a", 1), None);
        let token = ring.sign_access(&access());
        let at = |seconds| NOW.after(Duration::from_secs(seconds));
        assert!(ring.verify_access(&token, at(299)).is_ok());
        assert_eq!(ring.verify_access(&token, at(300)), Err(TokenError::Expired));
    }

    #[test]
    fn the_previous_key_verifies_and_others_do_not() {
        let token = ring(("old", 1), None).sign_access(&access());
        assert!(ring(("new", 2), Some(("old", 1))).verify_access(&token, NOW).is_ok());
        assert_eq!(ring(("new", 2), None).verify_access(&token, NOW), Err(TokenError::UnknownKey));
        assert_eq!(ring(("old", 3), None).verify_access(&token, NOW), Err(TokenError::Invalid));
        let elsewhere = KeyRing { issuer: "elsewhere".into(), ..ring(("old", 1), None) };
        assert_eq!(elsewhere.verify_access(&token, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn headers_that_are_not_ours_are_refused() {
        let ring = ring(("a", 1), None);
        let token = ring.sign_access(&access());
        let (_, rest) = token.split_once('.').unwrap();
        for header in [
            r#"{"alg":"none","typ":"at+jwt","kid":"a"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"a"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","kid":"a"}"#,
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
            r#"{"alg":"EdDSA","typ":"at+jwt","kid":"a","jwk":{}}"#,
            r#"{"alg":"EdDSA","typ":"at+jwt","kid":"a","kid":"b"}"#,
        ] {
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(ring.verify_access(&forged, NOW), Err(TokenError::Malformed), "{header}");
        }
        for forged in ["", ".", "..", "a.b", "a.b.c", &format!("{token}="), &format!("{token}.")] {
            assert_eq!(ring.verify_access(forged, NOW), Err(TokenError::Malformed), "{forged}");
        }
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_refused(at in 0_usize..300, to in "[A-Za-z0-9_.-]") {
            let ring = ring(("a", 1), None);
            let mut token = ring.sign_access(&access());
            let at = at % token.len();
            prop_assume!(token[at..=at] != to);
            token.replace_range(at..=at, &to);
            prop_assert!(ring.verify_access(&token, NOW).is_err());
        }

        #[test]
        fn nothing_panics(token in ".{0,200}") {
            let ring = ring(("a", 1), None);
            prop_assert!(ring.verify_access(&token, NOW).is_err());
        }
    }
}
