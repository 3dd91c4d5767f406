//! Contacts and the people at them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::contact::{Contact, Email, Mobile, Person, Region};
use domain::ids::{ContactId, Role};
use domain::locale::Locale;
use domain::money::{Currency, Money};
use domain::text::{parse_name, parse_web_address};
use domain::{Field, Problems};
use serde::{Deserialize, Serialize};
use web::body::{Unknown, refuse_unknown};
use web::extract::Path;
use web::{ApiProblem, Given, JsonBody};

use crate::caller::{MayRead, MayWrite, id_of};
use crate::{App, answer, deleted};

/// A contact has at most so many people.
const MOST_PEOPLE: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContactBody {
    name: Given<String>,
    profile_url: Given<String>,
    locale: Given<String>,
    mobile: Given<String>,
    email: Given<String>,
    balance: Given<MoneyBody>,
    people: Given<Vec<PersonBody>>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PersonBody {
    role: Given<String>,
    name: Given<String>,
    mobile: Given<String>,
    email: Given<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

/// `{ amount, currency }`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MoneyBody {
    amount: Given<i64>,
    currency: Given<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug, Serialize)]
struct ContactView {
    object: &'static str,
    #[serde(flatten)]
    contact: Contact,
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    let contact = app.store.contact(&id).await?.ok_or_else(|| ApiProblem::not_found("contact"))?;
    Ok(answer(ContactView { object: "contact", contact }))
}

/// Links keep their own copy of what they need of a contact.
pub(crate) async fn delete(
    _: MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    deleted(app.store.delete_contact(&id).await?, "contact")
}

pub(crate) async fn write(
    _: MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<ContactBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ContactId::parse)?;
    let body = body.fields;
    let configuration = app.store.configuration().await?;
    let mut problems = Problems::default();
    match body.read(id, &configuration.settings.default_region, &mut problems) {
        Some(contact) if problems.is_empty() => {
            app.store.put_contact(&contact).await?;
            Ok(answer(ContactView { object: "contact", contact }))
        }
        Some(_) | None => Err(ApiProblem::invalid(problems)),
    }
}

impl ContactBody {
    fn read(self, id: ContactId, region: &Region, problems: &mut Problems) -> Option<Contact> {
        let p = problems;
        refuse_unknown("", self.unknown, p);
        let name = self.name.field("/name", p).parse("/name", p, |name| parse_name(&name, 200)).require("/name", p);
        let profile_url = self.profile_url.field("/profile_url", p);
        let locale = self.locale.field("/locale", p);
        let people = match self.people.field("/people", p) {
            Field::Value(people) if people.len() > MOST_PEOPLE => {
                p.refuse("/people", "too_many", format!("A contact has at most {MOST_PEOPLE} people."));
                Vec::new()
            }
            Field::Value(people) => people,
            Field::Absent | Field::Refused => Vec::new(),
        };
        let contact = Contact {
            id,
            name: name.unwrap_or_default(),
            profile_url: profile_url.parse("/profile_url", p, |url| parse_web_address(&url)).value(),
            locale: locale.parse("/locale", p, |tag| Locale::parse(&tag)).value(),
            mobile: read_mobile(self.mobile, "/mobile", region, p),
            email: read_email(self.email, "/email", p),
            balance: self.balance.field("/balance", p).value().and_then(|body| body.read("/balance", p)),
            people: people
                .into_iter()
                .enumerate()
                .filter_map(|(index, person)| person.read(&format!("/people/{index}"), region, p))
                .collect(),
        };
        p.is_empty().then_some(contact)
    }
}

impl PersonBody {
    fn read(self, at: &str, region: &Region, problems: &mut Problems) -> Option<Person> {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        let role = format!("{at}/role");
        let name = format!("{at}/name");
        Some(Person {
            name: self.name.field(&name, p).parse(&name, p, |text| parse_name(&text, 200)).value(),
            mobile: read_mobile(self.mobile, &format!("{at}/mobile"), region, p),
            email: read_email(self.email, &format!("{at}/email"), p),
            role: self.role.field(&role, p).parse(&role, p, |text| Role::parse(&text)).require(&role, p)?,
        })
    }
}

impl MoneyBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<Money> {
        refuse_unknown(at, self.unknown, problems);
        let amount = self.amount.field(format!("{at}/amount"), problems);
        read_money(amount, self.currency, at, at, problems)
    }
}

/// An amount and its currency, which are given together. The pointers are those of the objects they stand in.
pub(crate) fn read_money(
    amount: Field<i64>,
    currency: Given<String>,
    amount_in: &str,
    currency_in: &str,
    problems: &mut Problems,
) -> Option<Money> {
    let amount = amount.require(format!("{amount_in}/amount"), problems);
    let at = format!("{currency_in}/currency");
    let currency = currency.field(&at, problems);
    let currency = currency.parse(&at, problems, |code| Currency::parse(&code)).require(&at, problems);
    problems.check(format!("{amount_in}/amount"), Money::new(amount?, currency?)).value()
}

fn read_mobile(given: Given<String>, at: &str, region: &Region, problems: &mut Problems) -> Option<Mobile> {
    given.field(at, problems).parse(at, problems, |text| Mobile::parse(&text, region)).value()
}

fn read_email(given: Given<String>, at: &str, problems: &mut Problems) -> Option<Email> {
    given.field(at, problems).parse(at, problems, |text| Email::parse(&text)).value()
}
