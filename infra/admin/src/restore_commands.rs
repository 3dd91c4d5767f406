//! What `restore` prints of each of its steps.

use paylink_admin::cli::RestoreCommand;
use paylink_admin::{Admin, AdminError, Restore};
use runtime::Clock;
use serde_json::{Value, json};
use store::{Choice, Comparison, RestoreFinding};

use crate::output::Output;

/// For a person these many findings are shown; `--json` shows all.
const MOST_SHOWN: usize = 50;

pub(crate) async fn run(admin: &Admin, output: Output, command: RestoreCommand) -> Result<(), AdminError> {
    let now = Clock::System.now();
    let progress = |text: &str| output.note(text);
    match command {
        RestoreCommand::Begin { at } => {
            let restore = admin.begin_restore(at, now, progress).await?;
            show(output, &restore);
            output.note("The copies are ready. `restore compare` says what would come back.");
        }
        RestoreCommand::Compare { chosen } => {
            let choice = chosen.choice();
            let found = admin.compare_restore(&choice, now).await?;
            show_comparison(output, &found, &choice);
            output.note(format!("{} items would come back. Nothing was written.", found.coming_back(&choice)));
        }
        RestoreCommand::Copy { chosen, confirm: _ } => {
            let choice = chosen.choice();
            let found = admin.copy_restore(&choice, now, progress).await?;
            show_comparison(output, &found, &choice);
            output.note(format!(
                "{} items came back. The functions are stopped until `restore start`.",
                found.coming_back(&choice)
            ));
            let findings = admin.restore_findings().await?;
            show_findings(output, &findings);
            if !findings.is_empty() {
                return Err(AdminError::Left(format!("{} findings are left to a person.", findings.len())));
            }
        }
        RestoreCommand::Status => match admin.restore_under_way().await? {
            Some(restore) => {
                show(output, &restore);
                show_findings(output, &admin.restore_findings().await?);
            }
            None => output.result("No restore is under way.", &json!({ "step": null })),
        },
        RestoreCommand::Start => {
            let (restore, still_stopped) = admin.start_restored().await?;
            show(output, &restore);
            output.note(
                "`replay-reports` gives deliver-messages what was reported meanwhile. One copy holds every secret.",
            );
            if !still_stopped.is_empty() {
                return Err(AdminError::Left(format!(
                    "This was stopped before already, and stays so until somebody starts it:\n{}",
                    still_stopped.join("\n")
                )));
            }
        }
        RestoreCommand::End { confirm: _ } => {
            let restore = admin.end_restore(progress).await?;
            let text = format!("{} and {} are deleted.", restore.secrets_table, restore.table);
            output.result(text, &json!({ "step": null, "at": restore.at.to_string() }));
        }
    }
    Ok(())
}

fn show(output: Output, restore: &Restore) {
    let Restore { at, table, secrets_table, step, .. } = restore;
    output.result(
        format!("The restore to {at}: {}. The copies are {table} and {secrets_table}.", step.in_words()),
        &json!({ "at": at.to_string(), "step": step.as_str(), "table": table, "secrets_table": secrets_table }),
    );
}

fn show_comparison(output: Output, found: &Comparison, choice: &Choice) {
    for ((kind, business), counts) in &found.0 {
        let business = business.as_ref().map(ToString::to_string);
        let coming_back = counts.coming_back(choice);
        let store::Counts { same, missing, damaged, changed, newer, withheld, not_found } = counts;
        let text = format!(
            "{:<14} {:<20} {coming_back} come back: {missing} gone, {damaged} damaged, {changed} changed; {newer} went \
             on, {same} as they were, {withheld} stay gone; {not_found} are not found by all that they are found by",
            kind.as_str(),
            business.as_deref().unwrap_or("-"),
        );
        let value = json!({
            "kind": kind, "business": business, "coming_back": coming_back, "missing": missing, "damaged": damaged,
            "changed": changed, "newer": newer, "same": same, "withheld": withheld,
            "not_found": not_found,
        });
        output.result(text, &value);
    }
}

fn show_findings(output: Output, findings: &[RestoreFinding]) {
    match output {
        Output::Person => {
            for finding in findings.iter().take(MOST_SHOWN) {
                output.result(in_words(finding), &Value::Null);
            }
            if findings.len() > MOST_SHOWN {
                let left = findings.len() - MOST_SHOWN;
                output.note(format!("{left} more are shown by `paylink-admin --json restore status`."));
            }
        }
        Output::Program => {
            for finding in findings {
                output.entry(&serde_json::to_value(finding).unwrap_or_default());
            }
        }
    }
}

fn in_words(finding: &RestoreFinding) -> String {
    match finding {
        RestoreFinding::MessageMaybeSent { link_id, message_id } => {
            format!("{link_id}: the message {message_id} may have been sent, and is not sent again; resend it by hand.")
        }
        RestoreFinding::EventMaybeSent { event_id } => {
            format!("The event {event_id} may have been sent, and is not sent again; redeliver it by hand.")
        }
        RestoreFinding::LinkPaidSince { link_id, attempt_id } => {
            format!("{link_id}: {attempt_id} paid it, or a part of it, since. The CRM may not have been told.")
        }
        RestoreFinding::LinkPaidByUnknownAttempt { link_id, attempt_id } => format!(
            "{link_id}: it was paid by {attempt_id} since, of which the copy knows nothing. The link counts as paid; \
             look at the gateway."
        ),
        RestoreFinding::MoneyNeedsReview { link_id, attempt_id } => format!(
            "{link_id}: the gateway confirmed money of {attempt_id} since that the link did not keep. Whether it went \
             back is not known, and the attempt is under review."
        ),
        RestoreFinding::MoneyOfUnknownAttempt { link_id, attempt_id, gateway_reference } => format!(
            "{link_id}: the gateway confirmed money of {attempt_id} since, under the reference {gateway_reference}, \
             that the link did not keep. The copy knows nothing of the attempt: ask the gateway whether it went back."
        ),
        RestoreFinding::MoneyWithoutLink { business, link_id, attempt_id, gateway_reference } => format!(
            "{link_id} of {business} was made since and is lost. The gateway confirmed money of its attempt \
             {attempt_id}, under the reference {gateway_reference}: look at the gateway, and tell the business."
        ),
        RestoreFinding::StaysGone { kind, business, id } => format!(
            "The {kind} {id} of {business} is gone, perhaps on purpose, and stays so: `restore copy --only {kind} --of \
             {business} --confirm` brings back all of that kind.",
            kind = kind.as_str()
        ),
        RestoreFinding::ContactCameBack { business, contact_id } => {
            format!("The contact {contact_id} of {business} came back: erase it again if it asked to be forgotten.")
        }
    }
}
