//! The headings under which the document has its calls. Generated clients make a class of each.

/// A heading, and what stands below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

impl Group {
    const fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, description }
    }
}

pub const PAYMENT_LINKS: Group = Group::new("Payment links", "Make links, tell people, and see what became of them.");
pub const RECEIPTS: Group = Group::new("Receipts", "The records that money arrived, and that it went back.");
pub const REFUNDS: Group = Group::new(
    "Refunds",
    "Money that goes back: what no link could keep, by itself, and what somebody wants returned of a payment, whole or in parts.\n\nA refund is `pending` until the gateway says that the money went; then it is `succeeded`, and a receipt of the kind `refund` corrects the payment's. What is on its way counts as gone, so that no two calls return the same money. `GET /v1/gateways` says what each gateway can do; what it cannot is sent back by other means and noted with `outside`.",
);
pub const EVENTS: Group = Group::new(
    "Events",
    "What happened, and what became of telling it.\n\nEvents are sent to every webhook endpoint that wants them, signed as Standard Webhooks (standardwebhooks.com): check `webhook-signature` over `webhook-id`, `webhook-timestamp` and the raw body before you parse it. Answer 2xx within five seconds. An event that failed is sent again, under the same id, after half a minute, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours; `Retry-After` is honoured, and 410 switches the endpoint off. `sequence` counts the events of one link, and `data` is the link or the receipt as it is at the moment of sending. The header `traceparent` (W3C Trace Context) is the one that the link was made with, so that an event can be found beside the call that began it. Who would rather poll reads `GET /v1/events?after=`.",
);
pub const WEBHOOK_ENDPOINTS: Group = Group::new("Webhook endpoints", "Addresses of the CRM that events are sent to.");
pub const ACCOUNTS: Group = Group::new("Accounts", "Where money arrives, and through which gateway.");
pub const CONTACTS: Group = Group::new("Contacts", "Customers, and the people there.");
pub const ITEMS: Group = Group::new("Items", "Invoices and other documents of the CRM that links are made on.");
pub const RECEIPT_TYPES: Group = Group::new("Receipt types", "Kinds of receipts, as the business tells them apart.");
pub const SETTINGS: Group = Group::new("Settings", "What holds for the whole business.");
pub const MESSAGE_PROVIDERS: Group = Group::new("Message providers", "The ways messages leave besides SNS and SES.");
pub const MESSAGE_TEMPLATES: Group = Group::new(
    "Message templates",
    "The texts of messages. What they may use `MessageTextInput` lists.\n\nAn SMS in the GSM alphabet has 160 characters in one segment and 153 in each of several; one with any other character, as all Persian is, 70 and 67. The built-in Persian text fits two segments where the host of the pay URL has at most 60 characters, the business's name at most 20, the amount at most ten digits, and there is no description. API Gateway's own hosts have up to 54. The `[TEST] ` of a sandbox link takes seven more.",
);
pub const AUDIT_LOG: Group = Group::new("Audit log", "Who changed what the business's money depends on.");
pub const BUSINESSES: Group = Group::new("Businesses", "The businesses of a stack, for whoever runs it.");
pub const SEARCH: Group = Group::new("Search", "Find records by what people know of them.");
pub const EXPORTS: Group = Group::new(
    "Exports",
    "Lists that are carried away as files, for spreadsheets and for programs: links, receipts, refunds and events, by whatever their lists are chosen by.\n\nA table (`xlsx`, `csv`) has a row for each entry, text as text and amounts as numbers in the currency's own unit, and is written from right to left where its language is. A text that a spreadsheet would run or change, in `csv`, has an apostrophe before it. `jsonl` has an entry of the list in each line, oldest or newest first as the list was asked for. An export has at most 100,000 entries.",
);
pub const BATCHES: Group = Group::new(
    "Batches",
    "Many links out of one spreadsheet. Begin a batch, put the file to the address in `upload`, have it checked, look at `report`, and have it run.\n\nIn a table (`xlsx`, `csv`) the first row names the columns, in any order, in English, Persian or Arabic: `contact id`, `contact mobile` (the contact who has this number; where nobody has, one is made with the `contact name`), `contact email`, `item id`, `item title`, `item kind`, `amount` with its unit as in `amount (toman)`, `amount (rial)` or `amount (EUR)`, or a column `currency` beside it, `account id`, `due at`, `expires at` (dates of the Gregorian or the Persian calendar), `description`, `internal note`, `reference id`, `locale` and `row key`. Every other column is passed over and named in the report. Amounts are in the currency's own unit, with decimals behind a point.\n\nWhat was checked is what is made, whatever is uploaded afterwards. A row that was made is not made again, however often a run is interrupted.",
);
pub const RECONCILIATION: Group = Group::new(
    "Reconciliation",
    "Close the books of an account's days: receipts held against the gateway's own list, or against one that you have.",
);
pub const TOTALS: Group = Group::new("Totals", "Sums of links and money over time.");
