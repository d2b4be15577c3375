//! Key pairs: P-256 ones that we make to bind tokens to this machine, and secp256k1 ones that a person brings.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bech32::primitives::decode::CheckedHrpstring;
use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
use serde_json::{Value, json};

use crate::net::Fault;

/// A P-256 key pair that signs as ES256 (RFC 7518 3.4).
pub struct Es256 {
    pair: EcdsaKeyPair,
    secret: SecretString,
}

impl Es256 {
    /// A new key pair.
    ///
    /// # Errors
    /// `local`: the system gives no randomness.
    pub fn generate() -> Result<Es256, Fault> {
        let failed = |_| Fault::local("no key pair could be made: the system's random numbers fail");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let document = pair.to_pkcs8v1().map_err(failed)?;
        let secret = SecretString::from(URL_SAFE_NO_PAD.encode(document.as_ref()));
        Ok(Es256 { pair, secret })
    }

    /// The key pair that [`Es256::to_secret`] gave.
    ///
    /// # Errors
    /// `local`: it is none. The message quotes nothing of it.
    pub fn from_secret(secret: &SecretString) -> Result<Es256, Fault> {
        let bytes = URL_SAFE_NO_PAD.decode(secret.expose_secret()).map(SecretSlice::from).ok();
        let pair = bytes
            .and_then(|bytes| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.expose_secret()).ok());
        let pair = pair.ok_or_else(|| Fault::local("the key that is kept is no P-256 key in PKCS#8"))?;
        Ok(Es256 { pair, secret: secret.clone() })
    }

    /// To keep in a secret field: PKCS#8 as base64url without padding.
    pub fn to_secret(&self) -> SecretString {
        self.secret.clone()
    }

    /// The public key as a JWK (RFC 7517): `kty`, `crv`, `x`, `y`.
    pub fn public_jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    }

    /// The public key's thumbprint (RFC 7638) with SHA-256, as base64url.
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        hashed(&x, &y)
    }

    /// Signs: r and s as 64 bytes, as JWS wants it.
    ///
    /// # Errors
    /// `local`: the system gives no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| Fault::local("nothing could be signed: the system's random numbers fail"))
    }

    fn coordinates(&self) -> (String, String) {
        // an uncompressed point: 4, then 32 bytes for each coordinate
        let (x, y) = self.pair.public_key().as_ref().split_at(33);
        (URL_SAFE_NO_PAD.encode(x.get(1..).unwrap_or_default()), URL_SAFE_NO_PAD.encode(y))
    }
}

/// Shows the thumbprint, which is public.
impl std::fmt::Debug for Es256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Es256").field("thumbprint", &self.thumbprint()).finish_non_exhaustive()
    }
}

/// The thumbprint (RFC 7638) of a public P-256 JWK; `None` if it is not one. Members beyond the key itself do not count.
pub fn thumbprint(jwk: &Value) -> Option<String> {
    point(jwk)?;
    Some(hashed(jwk["x"].as_str()?, jwk["y"].as_str()?))
}

/// Whether this is the signature of this message by the key of this public P-256 JWK.
pub fn verify(jwk: &Value, message: &[u8], signature: &[u8]) -> bool {
    point(jwk)
        .is_some_and(|key| UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature).is_ok())
}

/// The members in the order of their names, as RFC 7638 hashes them. Coordinates are base64url and need no escaping.
fn hashed(x: &str, y: &str) -> String {
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// The uncompressed point of a P-256 JWK.
fn point(jwk: &Value) -> Option<Vec<u8>> {
    if jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
        return None;
    }
    let mut point = vec![4];
    for name in ["x", "y"] {
        let bytes = URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok()?;
        if bytes.len() != 32 {
            return None;
        }
        point.extend(bytes);
    }
    Some(point)
}

/// A secp256k1 key that a person brings.
pub struct Secp256k1 {
    secret: SecretBox<[u8; 32]>,
    public: [u8; 32],
}

impl Secp256k1 {
    /// Reads a secret key: 64 hexadecimal digits, or bech32 (BIP 173) with this prefix (`nsec`). White space around it is passed over.
    ///
    /// # Errors
    /// What is wrong with it, for a person, without quoting any of it.
    pub fn parse(text: &SecretString, prefix: &str) -> Result<Secp256k1, String> {
        let text = text.expose_secret().trim();
        let bytes = if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            from_hex(text)
        } else {
            from_bech32(text, prefix)?
        };
        let secret = bytes.ok_or_else(|| {
            format!("the key is not 32 bytes long; a secret key is `{prefix}1…` or 64 hexadecimal digits")
        })?;
        let public = public(&secret).ok_or("the key is out of the range of secp256k1: nobody can sign with it")?;
        Ok(Secp256k1 { secret, public })
    }

    /// The secret key.
    pub fn secret(&self) -> &SecretBox<[u8; 32]> {
        &self.secret
    }

    /// The x coordinate of the public key, which is the whole public key of BIP 340.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

/// Shows the public key.
impl std::fmt::Debug for Secp256k1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let public: String = self.public.iter().map(|byte| format!("{byte:02x}")).collect();
        f.debug_struct("Secp256k1").field("public", &public).finish_non_exhaustive()
    }
}

/// 64 hexadecimal digits, looked at before.
fn from_hex(text: &str) -> Option<SecretBox<[u8; 32]>> {
    let digits: SecretSlice<u8> = SecretSlice::from(
        text.as_bytes()
            .iter()
            .filter_map(|byte| (*byte as char).to_digit(16).map(|digit| digit as u8))
            .collect::<Vec<_>>(),
    );
    let mut secret = Box::new([0; 32]);
    let mut pairs = digits.expose_secret().chunks_exact(2);
    for byte in secret.iter_mut() {
        let pair = pairs.next()?;
        *byte = pair[0] << 4 | pair[1];
    }
    Some(SecretBox::new(secret))
}

/// `Ok(None)`: all is well but the length.
fn from_bech32(text: &str, prefix: &str) -> Result<Option<SecretBox<[u8; 32]>>, String> {
    let wanted = format!("a secret key is `{prefix}1…` or 64 hexadecimal digits");
    // the library's own errors quote characters of what they read
    let Ok(checked) = CheckedHrpstring::new::<bech32::Bech32>(text) else {
        let begins = text.get(..=prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(&format!("{prefix}1")));
        return Err(if begins {
            format!("the key begins with `{prefix}1`, but its checksum is wrong: a character is missing or mistyped")
        } else {
            format!("this is no key; {wanted}")
        });
    };
    let found = checked.hrp().to_lowercase();
    if found != prefix {
        // the checksum is right, so that this is the name of a kind and nothing secret
        return Err(format!("this is a `{found}`, not a `{prefix}`; {wanted}"));
    }
    if checked.validate_segwit_padding().is_err() || checked.byte_iter().len() != 32 {
        return Ok(None);
    }
    let mut secret = Box::new([0; 32]);
    secret.iter_mut().zip(checked.byte_iter()).for_each(|(to, byte)| *to = byte);
    Ok(Some(SecretBox::new(secret)))
}

/// The x coordinate of the public key; `None` for zero and for what is not below the order of the curve.
fn public(secret: &SecretBox<[u8; 32]>) -> Option<[u8; 32]> {
    // an ECPrivateKey of RFC 5915: version 1, the key, the curve by its OID 1.3.132.0.10
    let mut der = vec![0x30, 0x2e, 2, 1, 1, 4, 32];
    der.reserve_exact(41);
    der.extend(secret.expose_secret());
    der.extend([0xa0, 7, 6, 5, 0x2b, 0x81, 4, 0, 10]);
    let der = SecretSlice::from(der);
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256K1_SHA256_FIXED_SIGNING, der.expose_secret()).ok()?;
    pair.public_key().as_ref().get(1..33)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Secp256k1, String> {
        Secp256k1::parse(&SecretString::from(text), "nsec")
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_key_pair_comes_back_from_its_secret() {
        let key = Es256::generate().unwrap();
        let again = Es256::from_secret(&key.to_secret()).unwrap();
        assert_eq!(key.public_jwk(), again.public_jwk());
        assert_eq!(key.thumbprint(), again.thumbprint());
        assert_eq!(thumbprint(&key.public_jwk()).unwrap(), key.thumbprint());
        let signature = again.sign(b"message").unwrap();
        assert_eq!(signature.len(), 64);
        assert!(verify(&key.public_jwk(), b"message", &signature));
        assert!(!verify(&key.public_jwk(), b"another", &signature));
        assert!(!verify(&Es256::generate().unwrap().public_jwk(), b"message", &signature));
        assert!(!format!("{key:?}").contains(key.to_secret().expose_secret()));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        let key = Es256::generate().unwrap().to_secret();
        for bad in ["", "no key", "bm8ga2V5", &key.expose_secret()[..100]] {
            let fault = Es256::from_secret(&SecretString::from(bad)).unwrap_err();
            assert_eq!(fault.message, "the key that is kept is no P-256 key in PKCS#8");
        }
        let good = Es256::generate().unwrap().public_jwk();
        for (name, value) in [("kty", json!("OKP")), ("crv", json!("P-384")), ("x", json!("AA")), ("y", json!(5))] {
            let mut jwk = good.clone();
            jwk[name] = value;
            assert_eq!(thumbprint(&jwk), None, "{name}");
        }
    }

    #[test]
    fn a_wrong_key_of_a_person_is_named_for_what_it_is() {
        let nsec = "nsec10allq0gjx7fddtzef0ax00mdps9t2kmtrldkyjfs8l5xruwvh2dq0lhhkp";
        assert!(parse(nsec).is_ok() && parse(&format!("  {}\n", nsec.to_uppercase())).is_ok());
        let npub = "npub1zutzeysacnf9rru6zqwmxd54mud0k44tst6l70ja5mhv8jjumytsd2x7nu";
        let short = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("nsec").unwrap(), &[7; 31]).unwrap();
        let newer = bech32::encode::<bech32::Bech32m>(bech32::Hrp::parse("nsec").unwrap(), &[7; 32]).unwrap();
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        for (bad, why) in [
            (npub, "this is a `npub`, not a `nsec`"),
            (short.as_str(), "32 bytes"),
            (newer.as_str(), "checksum"),
            (&nsec.replace("10all", "10alk"), "checksum"),
            (&nsec[..60], "checksum"),
            (&"0".repeat(64), "range"),
            (order, "range"),
            (&"f".repeat(63), "no key"),
            ("correct horse battery staple", "no key"),
            ("ключ ключ ключ", "no key"),
            ("", "no key"),
        ] {
            let said = parse(bad).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
            assert!(bad.is_empty() || !said.contains(bad), "{said}");
        }
        let last = order.replace("4141", "4140");
        assert!(parse(&last).is_ok());
        assert!(!format!("{:?}", parse(&last).unwrap()).contains(&last));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn hexadecimal_and_bech32_are_the_same_key(bytes in prop::array::uniform32(any::<u8>())) {
            let nsec = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("nsec").unwrap(), &bytes).unwrap();
            match (parse(&hex(&bytes)), parse(&nsec)) {
                (Ok(one), Ok(other)) => {
                    prop_assert_eq!(one.secret().expose_secret(), &bytes);
                    prop_assert_eq!(other.secret().expose_secret(), &bytes);
                    prop_assert_eq!(one.public(), other.public());
                }
                (one, other) => prop_assert_eq!(one.unwrap_err(), other.unwrap_err()),
            }
        }

        #[test]
        fn nothing_that_is_typed_is_quoted(text in "\\PC{0,80}") {
            if let Err(said) = parse(&text) && text.trim().chars().count() > 9 {
                prop_assert!(!said.contains(text.trim()), "{said}");
            }
        }

        #[test]
        fn every_message_is_signed_well(message in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..64) {
            let key = Es256::generate().unwrap();
            let mut signature = key.sign(&message).unwrap();
            prop_assert!(verify(&key.public_jwk(), &message, &signature));
            signature[at] ^= 1;
            prop_assert!(!verify(&key.public_jwk(), &message, &signature));
        }
    }
}
