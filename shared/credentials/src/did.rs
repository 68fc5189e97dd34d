//! The issuer: a `did:web`, which survives the rotation of its keys, and the document with them.

use serde_json::{Value, json};

use crate::PublicKey;

/// Who issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The `did:web`.
    pub id: String,
    /// The name that people see.
    pub name: String,
}

impl Issuer {
    /// The issuer whose document is at this address: without a path at `/.well-known/did.json` of it,
    /// otherwise at its `/did.json`. `None` if it is no plain `http` or `https` address.
    ///
    /// ```
    /// use minigate_credentials::Issuer;
    ///
    /// let did = |url| Issuer::at(url, "A school").map(|issuer| issuer.id);
    /// assert_eq!(did("https://api.example.org").as_deref(), Some("did:web:api.example.org"));
    /// assert_eq!(did("http://127.0.0.1:3000/").as_deref(), Some("did:web:127.0.0.1%3A3000"));
    /// assert_eq!(did("https://a.example/live").as_deref(), Some("did:web:a.example:live"));
    /// assert_eq!(did("https://user@a.example"), None);
    /// ```
    ///
    /// Source: <https://w3c-ccg.github.io/did-method-web/>.
    pub fn at(url: &str, name: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let mut parts = rest.trim_end_matches('/').split('/');
        let host = parts.next()?;
        let (host, port) =
            host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
        let is_plain = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !text.is_empty() && text.bytes().all(plain)
        };
        if !is_plain(host) || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return None;
        }
        let mut id = format!("did:web:{host}");
        if let Some(port) = port {
            id = format!("{id}%3A{port}");
        }
        for part in parts {
            if !is_plain(part) {
                return None;
            }
            id = format!("{id}:{part}");
        }
        Some(Self { id, name: name.to_owned() })
    }

    /// The name of a key in a JWT.
    pub fn jwt_key(&self, key: &PublicKey) -> String {
        format!("{}#{}", self.id, key.thumbprint())
    }

    /// The name of a key in a proof.
    pub fn proof_key(&self, key: &PublicKey) -> String {
        format!("{}#{}", self.id, key.multibase())
    }

    /// The DID document: every key that has ever signed, in both forms, because a verification method has
    /// one.
    pub fn document(&self, keys: &[PublicKey]) -> Value {
        let methods = keys.iter().flat_map(|key| {
            [
                json!({
                    "id": self.proof_key(key),
                    "type": "Multikey",
                    "controller": self.id,
                    "publicKeyMultibase": key.multibase(),
                }),
                json!({
                    "id": self.jwt_key(key),
                    "type": "JsonWebKey",
                    "controller": self.id,
                    "publicKeyJwk": {
                        "kty": "OKP",
                        "crv": "Ed25519",
                        "alg": "EdDSA",
                        "use": "sig",
                        "kid": key.thumbprint(),
                        "x": key.x(),
                    },
                }),
            ]
        });
        let methods: Vec<Value> = methods.collect();
        let ids: Vec<&Value> = methods.iter().map(|method| &method["id"]).collect();
        json!({
            "@context": [
                "https://www.w3.org/ns/did/v1",
                "https://w3id.org/security/multikey/v1",
                "https://w3id.org/security/jwk/v1",
            ],
            "id": self.id,
            "assertionMethod": ids,
            "verificationMethod": methods,
        })
    }
}
