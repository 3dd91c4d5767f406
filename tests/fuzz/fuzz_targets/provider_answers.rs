//! Feeds any bytes as what a provider of messages answers. A message counts as sent only where the provider says so in its
//! own form, nothing unreadable is final, and every reason is a word of ours: an answer may repeat an address or a text.

#![no_main]

use channels::meaning;
use domain::messages::delivery::SendOutcome;
use domain::messages::provider_profile::ProviderKind;
use libfuzzer_sys::fuzz_target;
use outbound::Answer;
use serde_json::Value;

const STATUSES: [u16; 8] = [200, 400, 401, 403, 404, 429, 500, 502];

fuzz_target!(|data: &[u8]| {
    let [choice, body @ ..] = data else { return };
    let status = STATUSES[usize::from(choice % 8)];
    let answer = Answer { status, retry_after: None, body: body.to_vec().into() };
    let read: Option<Value> = serde_json::from_slice(body).ok();
    for provider in ProviderKind::ALL {
        // The answers of SNS and SES are read by the SDK of AWS.
        let Some(sent) = meaning(provider, &answer) else { continue };
        if let SendOutcome::FailedForNow { reason, .. } | SendOutcome::FailedForGood { reason } = &sent {
            assert!(reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{provider:?} {reason}");
        }
        let Some(read) = &read else {
            assert!(matches!(sent, SendOutcome::FailedForNow { .. }), "{provider:?} {sent:?}");
            continue;
        };
        if matches!(sent, SendOutcome::Accepted { .. }) {
            // serde also takes a list for an object, which nobody sends.
            let says_so = match provider {
                ProviderKind::BotApi => read["ok"] == true,
                ProviderKind::Kavenegar => read["return"]["status"] == 200,
                ProviderKind::Whatsapp | ProviderKind::Webhook => status == 200,
                ProviderKind::Sns | ProviderKind::Ses => false,
            };
            assert!(says_so || !read.is_object() || read.to_string().contains('['), "{provider:?} {read}");
        }
    }
});
