//! The `signature`: Telegram's own Ed25519 signature, which needs no secret of the bot.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::ed25519::signature::{MultipartSigner as _, MultipartVerifier as _};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};

use crate::fields::Fields;
use crate::key::{BotId, Environment};
use crate::{ConfigError, Error};

/// A public key, and what precedes the fields in the message that it signs.
#[derive(Clone, Debug)]
pub(crate) struct ThirdPartyKey {
    public_key: VerifyingKey,
    prefix: String,
}

impl ThirdPartyKey {
    pub(crate) fn new(bot_id: BotId, environment: Environment) -> Result<Self, ConfigError> {
        let public_key = VerifyingKey::from_bytes(&environment.public_key())
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or(ConfigError::InvalidPublicKey)?;
        Ok(Self { public_key, prefix: message_prefix(bot_id) })
    }

    /// Whether this key made `signature` over `fields`.
    ///
    /// `verify`, not `verify_strict`: both refuse S ≥ L and any encoding of R but the canonical
    /// one. What the strict check adds is to refuse public keys of low order, which `new` has done
    /// once for all, and R of low order, which only the holder of the private key can make; it
    /// would cost one more point decompression each time.
    pub(crate) fn made(&self, signature: &[u8; 64], fields: &Fields) -> bool {
        let signature = Signature::from_bytes(signature);
        self.public_key.multipart_verify(&message(&self.prefix, fields), &signature).is_ok()
    }
}

/// Finds the first of `keys` that made the `signature` of `fields`.
pub(crate) fn find_signer<'k>(
    keys: impl IntoIterator<Item = &'k ThirdPartyKey>,
    fields: &Fields,
) -> Result<usize, Error> {
    let signature = decode_signature(fields.require("signature", Error::SignatureMissing)?)?;
    keys.into_iter().position(|key| key.made(&signature, fields)).ok_or(Error::SignatureInvalid)
}

/// The text of `secret_key`'s signature over `fields`.
pub(crate) fn sign(secret_key: &SigningKey, bot_id: BotId, fields: &Fields) -> String {
    let signature = secret_key.multipart_sign(&message(&message_prefix(bot_id), fields));
    URL_SAFE_NO_PAD.encode(signature.to_bytes())
}

/// Telegram sends no padding; `==`, which some proxies and libraries add, is the only one that 64
/// bytes can have. The padding is not signed on this path, so it must not become part of an
/// identity: compare decoded signatures, never their text.
fn decode_signature(text: &str) -> Result<[u8; 64], Error> {
    let text = text.strip_suffix("==").unwrap_or(text);
    // The decoder wants room for whole quanta: 86 digits make 64 bytes and a rest of 4 bits.
    let mut bytes = [0; 66];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(64) => Ok(*bytes.first_chunk().ok_or(Error::SignatureMalformed)?),
        _ => Err(Error::SignatureMalformed),
    }
}

fn message_prefix(bot_id: BotId) -> String {
    format!("{bot_id}:WebAppData\n")
}

/// The signed message in pieces. Neither `hash` nor `signature` is part of it.
fn message<'a>(prefix: &'a str, fields: &'a Fields) -> Vec<&'a [u8]> {
    let mut pieces = Vec::with_capacity(1 + fields.iter().len());
    pieces.push(prefix.as_bytes());
    pieces.extend(fields.data_check_string(&["hash", "signature"]));
    pieces
}
