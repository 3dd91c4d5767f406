//! SMS where SNS does not reach, and templates that were approved beforehand.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::providers::{kavenegar, whatsapp};
use tests::{World, told_url};

use super::super::{nobody_is_at_it, settings_are_read_again, states};

/// A link whose recipients are these numbers.
async fn link_for(world: &World, numbers: &[&str]) -> Value {
    world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "locale": "en",
                           "recipients": { "mobiles": numbers } }))
        .await
}

fn problem(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[tokio::test]
async fn the_settings_choose_who_sends_sms_by_the_beginning_of_the_number() {
    let world = World::in_process().await;
    let link = link_for(&world, &["0912 000 0007", "+4915100000000"]).await;
    let iran = world.inbox("+989120000007", 1).await;
    assert_eq!(iran[0]["from"], kavenegar::DEMO_SENDER_NUMBER);
    assert_ne!(world.inbox("+4915100000000", 1).await[0]["from"], kavenegar::DEMO_SENDER_NUMBER);
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(link["messages"][0]["provider_id"], iran[0]["provider_id"]);
    assert_eq!(iran[0]["body"].as_str().unwrap().lines().last(), Some(told_url(&link, '1').as_str()));
}

#[tokio::test]
async fn a_number_that_nobody_serves_is_named_when_the_link_is_made() {
    let world = World::in_process().await;
    world.put("/v1/settings", json!({ "business_name": "B", "default_region": "IR" })).await;
    settings_are_read_again().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                       "recipients": { "contact": true, "mobiles": ["+4915100000000"] } });
    let link = world.make_link(body.clone()).await;
    let unserved = json!([{ "role": "contact", "person": "contact", "channel": "sms", "network": null, "reason": "number_not_served" }]);
    assert_eq!(link["unreached"], unserved);
    let told: Vec<_> = link["messages"].as_array().unwrap().iter().map(|message| &message["to"]).collect();
    assert_eq!(told, ["customer@example.com", "+4915100000000"]);
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", body).await.json();
    assert_eq!(draft["unreached"], unserved);
    let alone = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                        "recipients": { "mobiles": ["0912 000 0007"] } });
    let refused = world.crm(Method::POST, "/v1/payment-links", alone).await;
    assert_eq!(refused.problems(), [problem("/recipients", "nobody_reachable")]);
}

const AUSTRALIAN: &str = "+61491570006";
const AMERICAN: &str = "+12025550100";
const INDIAN: &str = "+919812345678";

#[tokio::test]
async fn a_country_that_asks_for_something_is_unreached_until_the_settings_say_that_it_is_there() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "locale": "en",
                       "recipients": { "mobiles": [AUSTRALIAN, AMERICAN, INDIAN], "emails": ["x@example.com"] } });
    let why = |link: &Value| {
        let unreached = link["unreached"].as_array().unwrap();
        unreached.iter().map(|one| one["reason"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let reasons = ["sender_id_not_registered", "origination_number_missing", "sender_id_not_registered"];
    assert_eq!(why(&world.crm(Method::POST, "/v1/payment-links/draft", body.clone()).await.json()), reasons);
    assert_eq!(why(&world.make_link(body.clone()).await), reasons);

    let routes = json!([
        { "prefix": "+61", "sns": {} }, { "prefix": "+1", "sns": { "origination_number": "+18005550100" } },
        { "prefix": "+91", "sns": { "sender_id": "PAYLINK" } },
    ]);
    world.put("/v1/settings", json!({ "business_name": "B", "sms_sender_id": "PAYLINK", "sms_routes": routes })).await;
    settings_are_read_again().await;
    let link = world.make_link(body).await;
    assert_eq!(why(&link), Vec::<String>::new());
    for (number, sender) in [(AUSTRALIAN, "PAYLINK"), (AMERICAN, "+18005550100"), (INDIAN, "PAYLINK")] {
        assert_eq!(world.inbox(number, 1).await[0]["from"], sender, "{number}");
    }
}

/// India's operators compare each text with the one that was registered.
#[tokio::test]
async fn where_texts_are_registered_the_default_one_in_the_language_of_the_business_arrives_alone() {
    let world = World::in_process().await;
    let sns = json!({ "sender_id": "PAYLINK", "entity_id": "1101", "template_id": "1107" });
    let routes = json!([{ "prefix": "+91", "sns": sns }]);
    world.put("/v1/settings", json!({ "business_name": "B", "default_locale": "en", "sms_routes": routes })).await;
    assert_eq!(world.get("/v1/settings").await["sms_routes"], routes);
    settings_are_read_again().await;
    let asked = |more: Value| {
        let mut body = json!({ "account_id": "main", "amount": 50000, "locale": "en",
                               "contact": { "id": "c-in", "name": "Customer", "email": "in@example.com" },
                               "recipients": { "mobiles": [INDIAN], "emails": ["x@example.com"] } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };

    // Nobody registered it yet: the operators block it, and SNS's log says so.
    let blocked = world.make_link(asked(json!({}))).await;
    let blocked = world.wait_for(&blocked, |link| states(link)[0].0 == "failed").await;
    assert_eq!(blocked["messages"][0]["reason"], "blocked_by_carrier");

    let body = json!({ "mode": "custom", "channels": ["sms", "email"], "sms": { "body": "Hello {{ link }}" },
                       "email": { "subject": "Hello", "body": "{{ link }}" } });
    let own_words = world.make_link(asked(json!({ "message": body }))).await;
    assert_eq!(own_words["unreached"][0]["reason"], "only_approved_templates");
    let other_language = world.crm(Method::POST, "/v1/payment-links", asked(json!({ "locale": "fa" }))).await;
    assert_eq!(other_language.problems(), [problem("/message", "text_not_registered")]);

    world.cloud.account.register_text("1101", "1107", "{#var#}");
    world.make_link(asked(json!({}))).await;
    assert_eq!(world.inbox(INDIAN, 1).await[0]["from"], "PAYLINK");
}

#[tokio::test]
async fn what_the_account_of_sns_lacks_is_not_the_fault_of_the_recipient() {
    let world = World::in_process().await;
    // A permission can be given: the message waits for that.
    let link = link_for(&world, &["+4915100000403"]).await;
    let waiting = world.wait_for(&link, |link| states(link)[0].0 == "waiting").await;
    assert_eq!(waiting["messages"][0]["reason"], "permission_missing");
    // The rest SNS takes over, and its log says later what was missing.
    let account = &world.cloud.account;
    let failed_for = async |number: &'static str| {
        let link = link_for(&world, &[number]).await;
        let failed = world.wait_for(&link, |link| states(link)[0].0 == "failed").await;
        failed["messages"][0]["reason"].clone()
    };
    account.opt_out("+4915100000001");
    assert_eq!(failed_for("+4915100000001").await, "opted_out");
    account.use_up_sms_spending();
    assert_eq!(failed_for("+4915100000002").await, "spending_limit_reached");
    account.enter_sandboxes();
    assert_eq!(failed_for("+4915100000003").await, "account_in_sandbox");
}

#[tokio::test]
async fn what_the_provider_of_sms_refuses_is_told_apart() {
    let world = World::in_process().await;
    let link = link_for(&world, &["09120000411", "09120000418", "09120000014", "09120000500", "09120000420"]).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(
        states(&link),
        [
            ("failed", Some("number_refused")),
            ("waiting", Some("credit_used_up")),
            ("failed", Some("blocked_by_recipient")),
            ("waiting", Some("provider_unavailable")),
            ("failed", Some("links_not_permitted")),
        ]
    );
    world.turn_clock(Duration::from_secs(61));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 2);
    let link = world.link(&link).await;
    assert_eq!([states(&link)[1], states(&link)[3]], [("sent", None), ("sent", None)]);
    // A key that was taken back says so.
    let base_url = format!("{}/kavenegar", world.cloud.page_url());
    let provider = json!({ "kind": "kavenegar", "base_url": base_url, "credentials": { "api_key": "taken-back" } });
    world.put("/v1/message-providers/kavenegar", provider).await;
    settings_are_read_again().await;
    let link = link_for(&world, &["09120000007"]).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(states(&link), [("failed", Some("api_key_refused"))]);
}

#[tokio::test]
async fn the_default_sms_can_be_an_approved_template_and_own_words_are_a_text() {
    let world = World::in_process().await;
    let base_url = format!("{}/kavenegar", world.cloud.page_url());
    let template = |name: &str| {
        json!({ "kind": "kavenegar", "base_url": base_url, "templates": [
            { "name": name, "locale": "fa", "parameters": ["{{ business.name }}", "{{ link }}"] }
        ] })
    };
    let path = "/v1/message-providers/kavenegar";
    let written = world.put(path, template(kavenegar::DEMO_TEMPLATE)).await;
    assert_eq!((&written["credentials_set"], &written["channel"]), (&json!(true), &json!("sms")));
    assert_eq!(written["templates"][0]["parameters"], json!(["{{ business.name }}", "{{ link }}"]));
    settings_are_read_again().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                       "recipients": { "mobiles": ["09120000007"] } });
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", body.clone()).await.json();
    let shown: Vec<_> = draft["messages"].as_array().unwrap().iter().filter(|one| one["channel"] == "sms").collect();
    assert_eq!((shown.len(), &shown[0]["provider"]), (1, &json!("kavenegar")));
    assert!(shown[0]["body"].as_str().unwrap().starts_with("[TEST] Demo Business\nhttp"), "{}", shown[0]);
    let link = world.make_link(body.clone()).await;
    let told = world.inbox("+989120000007", 1).await;
    assert_eq!(told[0]["body"], format!("[TEST]-Demo-Business\n{}", told_url(&link, '1')));
    let mut own = body.clone();
    own["message"] = json!({ "mode": "custom", "channels": ["sms"], "sms": { "body": "Hello: {{ link }}" } });
    let link = world.make_link(own).await;
    let told = world.inbox("+989120000007", 2).await;
    assert_eq!(told[1]["body"], format!("[TEST] Hello: {}", told_url(&link, '1')));
    // Underscores and spaces that come with a value are written as the provider takes them.
    let odd = json!({ "kind": "kavenegar", "base_url": base_url, "templates": [
        { "name": kavenegar::DEMO_TEMPLATE, "locale": "fa", "parameters": ["{{ reference_id }}", "{{ link }}"] }
    ] });
    world.put(path, odd).await;
    settings_are_read_again().await;
    let mut with_reference = body.clone();
    with_reference["reference_id"] = json!("a_b");
    let link = world.make_link(with_reference).await;
    let told = world.inbox("+989120000007", 3).await;
    assert_eq!(told[2]["body"], format!("[TEST]-a-b\n{}", told_url(&link, '1')));
    world.put(path, template("never-approved")).await;
    settings_are_read_again().await;
    let link = link_for(&world, &["09120000007"]).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(states(&link), [("failed", Some("template_not_approved"))]);
}

#[tokio::test]
async fn whatsapp_sends_the_approved_template_of_the_readers_language() {
    let world = World::in_process().await;
    let social = |numbers: &[&str]| -> Vec<Value> {
        numbers.iter().map(|number| json!({ "network": "whatsapp", "id": number })).collect()
    };
    let body = |numbers: &[&str]| {
        json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                "recipients": { "social": social(numbers) } })
    };
    let numbers = ["+989120000008", "+989120000429", "+989120000131"];
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", body(&numbers)).await.json();
    let shown: Vec<_> = draft["messages"].as_array().unwrap().iter().filter(|one| one["channel"] == "social").collect();
    assert_eq!((shown.len(), &shown[0]["provider"]), (1, &json!("whatsapp")));
    let link = world.make_link(body(&numbers)).await;
    let told = world.inbox("+989120000008", 1).await;
    let url = link["url"].as_str().unwrap();
    assert_eq!(told[0]["body"], format!("[TEST] ۵٬۰۰۰ تومان (۵۰٬۰۰۰ ریال)\n{url}1"));
    let link = world.wait_for(&link, nobody_is_at_it).await;
    let expected = [("sent", None), ("waiting", Some("too_many_requests")), ("failed", Some("not_on_whatsapp"))];
    assert_eq!(states(&link), expected);
    assert_eq!(link["messages"][0]["provider_id"], told[0]["provider_id"]);
    world.turn_clock(Duration::from_secs(61));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 1);
    assert_eq!(states(&world.link(&link).await)[1], ("sent", None));
    // Words of one's own are nothing that was approved.
    let mut own = body(&["+989120000008"]);
    own["recipients"]["contact"] = json!(true);
    own["message"] = json!({ "mode": "custom", "channels": ["social", "sms"], "social": { "body": "{{ link }}" },
                             "sms": { "body": "{{ link }}" } });
    let unreached = json!([{ "role": null, "person": null, "channel": "social", "network": "whatsapp", "reason": "only_approved_templates" }]);
    assert_eq!(world.make_link(own).await["unreached"], unreached);
    let provider = json!({ "kind": "whatsapp", "phone_number_id": whatsapp::DEMO_NUMBER, "templates": [
        { "name": "never_approved", "locale": "fa", "parameters": ["{{ amount }}", "{{ link }}"] }
    ] });
    world.put("/v1/message-providers/whatsapp", provider).await;
    settings_are_read_again().await;
    let link = world.make_link(body(&["+989120000008"])).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(states(&link), [("failed", Some("template_not_approved"))]);
}

#[tokio::test]
async fn a_template_of_whatsapp_can_have_named_placeholders_a_header_and_a_button() {
    let world = World::in_process().await;
    let parts = |link: &Value| {
        let (fixed_part, rest) = link["url"].as_str().unwrap().rsplit_once('/').unwrap();
        (format!("{fixed_part}/"), rest.to_owned())
    };
    let (fixed, _) = parts(&link_for(&world, &["09120000007"]).await);
    let provider = json!({ "kind": "whatsapp", "phone_number_id": whatsapp::DEMO_NUMBER, "api_version": "v23.0",
        "templates": [{
            "name": whatsapp::DEMO_TEMPLATE_WITH_PARTS, "locale": "fa",
            "header": { "name": "business", "value": "{{ business.name }}" },
            "parameters": [{ "name": "amount", "value": "{{ amount | digits }}" }],
            "button": { "fixed_part": fixed },
        }] });
    let written = world.put("/v1/message-providers/whatsapp", provider.clone()).await;
    assert_eq!(written["api_version"], "v23.0");
    let shown = &written["templates"][0];
    assert_eq!(shown["header"], provider["templates"][0]["header"]);
    assert_eq!(shown["parameters"], provider["templates"][0]["parameters"]);
    assert_eq!(shown["button"], json!({ "index": 0, "fixed_part": fixed }));
    settings_are_read_again().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                       "recipients": { "social": [{ "network": "whatsapp", "id": "+989120000008" }] } });
    let link = world.make_link(body.clone()).await;
    let told = world.inbox("+989120000008", 1).await;
    assert_eq!(told[0]["body"], format!("[TEST] Demo Business\n۵۰٬۰۰۰\n{}1", parts(&link).1));
    // A button that leads elsewhere is found when a link is made.
    let mut provider = provider;
    provider["templates"][0]["button"]["fixed_part"] = json!("https://elsewhere.example/p/");
    world.put("/v1/message-providers/whatsapp", provider).await;
    settings_are_read_again().await;
    let refused = world.crm(Method::POST, "/v1/payment-links", body).await;
    assert_eq!(refused.problems(), [problem("/message", "button_leads_elsewhere")]);
}

#[tokio::test]
async fn what_meta_refuses_is_told_apart() {
    let world = World::in_process().await;
    let endings = ["142", "149", "150", "172", "197"];
    let social: Vec<Value> =
        endings.iter().map(|ending| json!({ "network": "whatsapp", "id": format!("+989120000{ending}") })).collect();
    let link = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                           "recipients": { "social": social } }))
        .await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(
        states(&link),
        [
            ("waiting", Some("billing_unsettled")),
            ("waiting", Some("enough_for_this_person")),
            ("failed", Some("marketing_declined")),
            ("failed", Some("held_back_for_experiment")),
            ("failed", Some("country_not_permitted")),
        ]
    );
    world.turn_clock(Duration::from_secs(61));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 1);
    world.turn_clock(Duration::from_secs(3600));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 1);
    assert_eq!(states(&world.link(&link).await)[..2], [("sent", None), ("sent", None)]);
}

#[tokio::test]
async fn each_provider_has_its_own_fields_and_every_problem_is_named() {
    let world = World::in_process().await;
    let put = |body: Value| world.crm(Method::PUT, "/v1/message-providers/x", body);
    let whatsapp = json!({ "kind": "whatsapp", "base_url": "https://example.com", "line": "10000000",
                           "phone_number_id": "17", "credentials": { "token": "x" },
                           "templates": [{ "name": "a b", "locale": "!", "parameters": ["{{ amount }}", "{{ sum }}"] }] });
    assert_eq!(
        put(whatsapp).await.problems(),
        [
            problem("/phone_number_id", "invalid_id"),
            problem("/templates/0/name", "invalid_template_name"),
            problem("/templates/0/locale", "invalid_locale"),
            problem("/templates/0/parameters/1", "unknown_variable"),
            problem("/credentials/token", "unknown_field"),
            problem("/base_url", "not_allowed"),
            problem("/line", "not_allowed"),
        ]
    );
    let number = "phone-number-id-1";
    let template = json!({ "name": "a", "locale": "fa", "parameters": ["{{ amount }}"] });
    let linkless = json!({ "kind": "whatsapp", "phone_number_id": number, "templates": [template] });
    assert_eq!(put(linkless).await.problems(), [problem("/templates/0/parameters", "link_missing")]);
    let without = json!({ "kind": "whatsapp", "phone_number_id": number, "templates": [] });
    assert_eq!(put(without).await.problems(), [problem("/templates", "required")]);
    let bot = json!({ "kind": "bot_api", "phone_number_id": number, "line": "12345678" });
    assert_eq!(
        put(bot).await.problems(),
        [problem("/line", "not_allowed"), problem("/phone_number_id", "not_allowed")]
    );
    let kavenegar = json!({ "kind": "kavenegar", "line": "many", "credentials": { "api_key": "a/b" } });
    assert_eq!(
        put(kavenegar).await.problems(),
        [problem("/line", "invalid_line"), problem("/credentials/api_key", "invalid_credentials")]
    );
    let parts = json!({ "kind": "whatsapp", "phone_number_id": number, "api_version": "20", "templates": [{
        "name": "a", "locale": "fa", "header": { "name": "A", "value": "{{ sum }}" }, "parameters": ["{{ link }}"],
        "button": { "index": 10, "fixed_part": "https://example.com", "colour": "red" },
    }] });
    assert_eq!(
        put(parts).await.problems(),
        [
            problem("/api_version", "invalid_api_version"),
            problem("/templates/0/header/name", "invalid_parameter_name"),
            problem("/templates/0/header/value", "unknown_variable"),
            problem("/templates/0/button/colour", "unknown_field"),
            problem("/templates/0/button/index", "out_of_range"),
            problem("/templates/0/button/fixed_part", "invalid_url"),
        ]
    );
    let underscore = json!({ "name": "a", "locale": "fa", "parameters": ["pay_here {{ link }}"] });
    let kavenegar = json!({ "kind": "kavenegar", "api_version": "v20.0", "templates": [underscore] });
    assert_eq!(
        put(kavenegar).await.problems(),
        [problem("/templates/0/parameters/0", "not_allowed"), problem("/api_version", "not_allowed")]
    );
    let with_places = |provider: &str, places: usize| {
        let parameters = vec!["{{ link }}"; places];
        let mut body = json!({ "kind": provider,
                               "templates": [{ "name": "a", "locale": "fa", "parameters": parameters }] });
        if provider == "whatsapp" {
            body["phone_number_id"] = json!(number);
        }
        put(body)
    };
    assert_eq!(with_places("kavenegar", 6).await.problems(), [problem("/templates/0/parameters", "too_many")]);
    assert_eq!(with_places("kavenegar", 5).await.status, StatusCode::OK);
    assert_eq!(with_places("whatsapp", 10).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_entry_of_the_settings_names_a_provider_or_whom_sns_sends_as() {
    let world = World::in_process().await;
    let routes = json!([
        { "prefix": "+1", "provider": "kavenegar", "sns": {} },
        { "prefix": "+2", "sns": { "sender_id": "A B", "origination_number": "12" } },
        { "prefix": "+3", "sns": { "sender_id": "SHOP", "origination_number": "+18005550100" } },
        { "prefix": "+4", "sns": { "sender_id": "SHOP", "entity_id": "1101" } },
        { "prefix": "+5", "sns": { "entity_id": "1101", "template_id": "1107" } },
        { "prefix": "+6", "sns": { "sender": "SHOP" } },
        { "prefix": "+7", "sns": "SHOP" },
    ]);
    let reply = world.crm(Method::PUT, "/v1/settings", json!({ "business_name": "B", "sms_routes": routes })).await;
    assert_eq!(
        reply.problems(),
        [
            problem("/sms_routes/0", "exactly_one"),
            problem("/sms_routes/1/sns/sender_id", "invalid_sender_id"),
            problem("/sms_routes/1/sns/origination_number", "invalid_origination_number"),
            problem("/sms_routes/2/sns/origination_number", "not_allowed"),
            problem("/sms_routes/3/sns/template_id", "required"),
            problem("/sms_routes/4/sns/sender_id", "required"),
            problem("/sms_routes/5/sns/sender", "unknown_field"),
            problem("/sms_routes/6/sns", "wrong_type"),
        ]
    );
}

#[tokio::test]
async fn the_settings_name_providers_of_sms_that_are_there_and_those_stay() {
    let world = World::in_process().await;
    let routes = json!([
        { "prefix": "98", "provider": "kavenegar" }, { "prefix": "+98", "provider": "kavenegar" },
        { "prefix": "+98", "provider": "kavenegar" }, { "prefix": "+49" },
    ]);
    let reply = world.crm(Method::PUT, "/v1/settings", json!({ "business_name": "B", "sms_routes": routes })).await;
    assert_eq!(
        reply.problems(),
        [
            problem("/sms_routes/0/prefix", "invalid_prefix"),
            problem("/sms_routes/2/prefix", "given_twice"),
            problem("/sms_routes/3", "exactly_one"),
        ]
    );
    let routes = json!([{ "prefix": "+98", "provider": "kavenegar" }, { "prefix": "+49", "provider": "telegram" },
                        { "prefix": "+1", "provider": "nobody" }]);
    let reply = world.crm(Method::PUT, "/v1/settings", json!({ "business_name": "B", "sms_routes": routes })).await;
    let unknown = |index: u8| problem(&format!("/sms_routes/{index}/provider"), "unknown_message_provider");
    assert_eq!(reply.problems(), [unknown(1), unknown(2)]);
    let shown = world.get("/v1/settings").await;
    let routes = json!([{ "prefix": "+98", "provider": "kavenegar" }, { "prefix": "+971", "provider": "crm-line" }]);
    assert_eq!(shown["sms_routes"], routes);
    let kept = world.crm(Method::DELETE, "/v1/message-providers/kavenegar", Value::Null).await;
    assert_eq!((kept.status, &kept.json()["code"]), (StatusCode::CONFLICT, &json!("provider_in_use")));
}
