//! Any answer at all: no network panics, and what is said about it fits on one line.

use proptest::prelude::*;

use super::answer::judge;

/// Answers as networks give them, and worse.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![
        Just("error"),
        Just("message"),
        Just("description"),
        Just("error_description"),
        Just("code"),
        Just("error_code"),
        Just("ok"),
        Just("parameters"),
        Just("retry_after"),
        Just("migrate_to_chat_id"),
        Just("global"),
        Just("errors"),
        Just("result"),
        Just("blob_bytes"),
        Just("max_text"),
        Just("text"),
        Just("media"),
        Just("poll"),
        Just("mimes"),
    ];
    let word = prop_oneof![
        Just("ExpiredToken".to_string()),
        Just("InvalidSwap".to_string()),
        Just("RateLimitExceeded".to_string()),
        Just("duplicate idempotency key".to_string()),
        Just("Bad Request: message is too long".to_string()),
        Just("Too Many Requests: retry after 7".to_string()),
        Just("a\u{202e}b\u{1b}[31m\u{7}\n".to_string()),
        ".{0,400}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        word.prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec((key.clone(), inner.clone()), 0..6).prop_map(|pairs| serde_json::Value::Object(
                pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
            )),
            prop::collection::vec(inner, 0..4).prop_map(serde_json::Value::Array),
        ]
    });
    prop_oneof![
        6 => value.prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..600),
        1 => ".{0,300}".prop_map(|title| format!("<html><title>{title}</title>").into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_server_answers(
        status in prop_oneof![Just(200_u16), Just(400), Just(401), Just(403), Just(404), Just(409), Just(422), Just(429), Just(500), Just(503), 200_u16..600],
        wait in prop_oneof![".{0,30}", "[0-9]{1,20}", Just("Sat, 21 Nov 2026 12:00:30 GMT".to_string())],
        left in "[0-9.-]{0,12}",
        body in body(),
        write in any::<bool>(),
    ) {
        judge(status, &[("retry-after", &wait), ("x-ratelimit-remaining", &left), ("x-ratelimit-reset", &wait), ("location", &wait)], &body, write);
    }
}
