//! Whether emails go out, and arrive.

use serde_json::Value;

use super::{Findings, number};
use crate::aws::{SES, in_path};
use crate::{Admin, AdminError};

/// From this share of a day's quota on, somebody should ask for more.
const NEARLY: f64 = 0.8;

impl Admin {
    pub(super) async fn check_email(&self, findings: &mut Findings) {
        let Some(sender) = self.email_sender.clone() else {
            findings.missing_by_hand(
                "No email is sent: the stack has no EmailSender, or PAYLINK_EMAIL_SENDER does not say it here.",
            );
            return;
        };
        let checked = self.sender_is_verified(&sender, findings).await;
        findings.or_unknown("the sender of emails", checked);
        let checked = self.ses_lets_us_send(findings).await;
        findings.or_unknown("SES", checked);
    }

    /// What SES knows of an identity in this region; nothing where it does not know it.
    async fn identity(&self, identity: &str) -> Result<Option<Value>, AdminError> {
        match self.aws.get(SES, &format!("/v2/email/identities/{}", in_path(identity))).await {
            Ok(known) => Ok(Some(known)),
            Err(error) if error.code() == Some("NotFoundException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn sender_is_verified(&self, sender: &str, findings: &mut Findings) -> Result<(), AdminError> {
        let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
        let (of_address, of_domain) = (self.identity(sender).await?, self.identity(domain).await?);
        let is_verified =
            |known: &Option<Value>| known.as_ref().is_some_and(|known| known["VerifiedForSendingStatus"] == true);
        if is_verified(&of_address) || is_verified(&of_domain) {
            findings.good(format!("SES has verified {sender} in {}.", self.aws.region()));
        } else {
            let text = format!(
                "SES has verified neither {sender} nor {domain} in {}, and refuses every email.",
                self.aws.region()
            );
            if of_address.is_some() || of_domain.is_some() {
                findings.missing_by_hand(format!(
                    "{text} It was asked to: follow the link in its email, or add its records to the domain's DNS."
                ));
            } else {
                findings.missing(text, format!("aws sesv2 create-email-identity --email-identity {domain}"));
            }
        }
        let Some(known) = of_domain else {
            if is_verified(&of_address) {
                let text =
                    format!("{sender} is verified as an address; a domain with DKIM is believed by more mailboxes.");
                findings.good(text);
            }
            return Ok(());
        };
        let dkim = known["DkimAttributes"]["Status"].as_str().unwrap_or_default();
        if dkim == "SUCCESS" {
            findings.good(format!("Emails are signed for {domain} (DKIM)."));
        } else {
            findings.missing_by_hand(format!(
                "Emails are not signed for {domain}: DKIM is {dkim}. Add the records that the stack's output \
                 EmailRecords, or SES, shows to its DNS."
            ));
        }
        let mail_from = &known["MailFromAttributes"];
        match (mail_from["MailFromDomain"].as_str().unwrap_or_default(), mail_from["MailFromDomainStatus"].as_str()) {
            ("", _) => findings.missing(
                format!(
                    "Emails of {domain} name a domain of SES as the one that they come from (MAIL FROM), which fewer \
                    mailboxes believe."
                ),
                format!(
                    "aws sesv2 put-email-identity-mail-from-attributes --email-identity {domain} --mail-from-domain \
                    mail.{domain}"
                ),
            ),
            (from, Some("SUCCESS")) => findings.good(format!("Emails of {domain} come from {from} (MAIL FROM).")),
            (from, status) => findings.missing_by_hand(format!(
                "The records of {from}, from which emails of {domain} come (MAIL FROM), are {}. Add its MX and SPF to \
                 the DNS.",
                status.unwrap_or("unknown")
            )),
        }
        Ok(())
    }

    async fn ses_lets_us_send(&self, findings: &mut Findings) -> Result<(), AdminError> {
        let account = self.aws.get(SES, "/v2/email/account").await?;
        let quota = &account["SendQuota"];
        let (most, sent) = (
            number(&quota["Max24HourSend"]).unwrap_or_default(),
            number(&quota["SentLast24Hours"]).unwrap_or_default(),
        );
        let rate = number(&quota["MaxSendRate"]).unwrap_or_default();
        if account["ProductionAccessEnabled"] == true {
            findings.good(format!("SES lets this account send {most} emails a day, {rate} a second."));
        } else {
            findings.missing(
                "SES is in its sandbox: emails go only to verified addresses, 200 a day. Ask for production access.",
                "aws sesv2 put-account-details --production-access-enabled --mail-type TRANSACTIONAL --website-url URL",
            );
        }
        // A quota of -1 is no bound ("SendQuota", SES API v2).
        if most > 0.0 && sent >= most * NEARLY {
            findings.missing(
                format!("{sent} of {most} emails of a day are sent. Ask for more: beyond it SES refuses every email."),
                "aws service-quotas list-service-quotas --service-code ses",
            );
        }
        let standing = account["EnforcementStatus"].as_str().unwrap_or("HEALTHY");
        if account["SendingEnabled"] == false || standing != "HEALTHY" {
            findings.missing_by_hand(format!(
                "SES has paused this account, or is about to: {standing}. Its console says why, and what is asked for."
            ));
        }
        Ok(())
    }
}
