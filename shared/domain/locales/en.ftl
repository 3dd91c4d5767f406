# English. This file is everything that Paylink knows of this language: how it writes numbers, money and dates, and what
# it says on pages and in messages. A file beside this one is another language; the tests say which texts it lacks.

## How it writes

# ltr or rtl
direction = ltr
# From zero to nine.
digits = 0123456789
group-separator = ,
decimal-separator = .
# Regions of this language that group digits as India does: 12,34,567. Empty where there are none.
indian-grouping-in = IN
# gregorian or persian
calendar = gregorian
# The months of this calendar, a line for each.
months =
    January
    February
    March
    April
    May
    June
    July
    August
    September
    October
    November
    December
# A blank of this kind keeps a number with its unit, so that no line ends between the two.
date = { $day }{"\u00a0"}{ $month } { $year }
date-time = { $date }, { $time }
# How a time zone is named in words: by its city, as the names of time zones have it.
zone = { $zone ->
        [UTC] UTC
       *[other] { $city } time
    }

# Only symbols that name one currency without doubt; a bare "$" could be a dozen dollars, but it is read as the US one by
# everybody. All others show their ISO 4217 code.
money = { $sign }{ $currency ->
        [AUD] A$
        [BRL] R$
        [CAD] CA$
        [CNY] CN¥
        [EUR] €
        [GBP] £
        [HKD] HK$
        [INR] ₹
        [JPY] ¥
        [MXN] MX$
        [NZD] NZ$
        [USD] $
       *[other] { $currency }{"\u00a0"}
    }{ $number }
# In what people of this language count Rial: toman or rial.
rial-counted-in = rial
# Rial that is a whole number of Toman, where the business does not want Rial alone. $rial is what `money` says, $toman
# the number of Toman.
rial-with-toman = { $rial }
# Toman alone, where a text asks for it.
toman-alone = { $toman }{"\u00a0"}Toman

## Messages. $if_description and $end stand around what is said only where the link has a description. An SMS is the first
## of its three texts that fits two segments; $short_amount is the amount in one unit.

link-created-sms =
    { $business } asks you to pay { $amount }{ $if_description } for { $description }{ $end } by { $expires_at }:
    { $link }
link-created-sms-without-end =
    { $business } asks you to pay { $amount }{ $if_description } for { $description }{ $end }:
    { $link }
link-created-sms-shortest =
    { $business } asks you to pay { $amount }:
    { $link }
link-created-social =
    { $business } asks you to pay { $amount }.{ $if_description }
    For: { $description }{ $end }
    Pay by: { $expires_at }

    { $link }
link-created-email-subject = { $business } asks you to pay { $amount }
link-created-email =
    Dear { $contact },

    { $business } asks you to pay { $amount }.{ $if_description }
    For: { $description }{ $end }
    Pay by: { $expires_at }

    { $link }

    If you did not expect this message, please contact { $business } before you pay.
payment-reminder-sms =
    Reminder: { $business } asks you to pay { $amount }{ $if_description } for { $description }{ $end } by { $expires_at }:
    { $link }
payment-reminder-sms-without-end =
    Reminder: { $business } asks you to pay { $amount }{ $if_description } for { $description }{ $end }:
    { $link }
payment-reminder-sms-shortest =
    Reminder: pay { $amount } to { $business }:
    { $link }
payment-reminder-social =
    A reminder: { $business } asks you to pay { $amount }.{ $if_description }
    For: { $description }{ $end }
    Pay by: { $expires_at }

    { $link }
payment-reminder-email-subject = Reminder: { $business } asks you to pay { $amount }
payment-reminder-email =
    Dear { $contact },

    this is a reminder: { $business } asks you to pay { $amount }.{ $if_description }
    For: { $description }{ $end }
    Pay by: { $expires_at }

    { $link }

    If you have paid already, you need not do anything.
payment-overdue-sms =
    { $business }: { $amount }{ $if_description } for { $description }{ $end } was due on { $due_at }. Please pay:
    { $link }
payment-overdue-sms-without-end =
    { $business }: { $amount }{ $if_description } for { $description }{ $end } is overdue. Please pay:
    { $link }
payment-overdue-sms-shortest =
    { $business }: { $amount } is overdue. Pay:
    { $link }
payment-overdue-social =
    { $amount } to { $business } is overdue. Please pay it now.{ $if_description }
    For: { $description }{ $end }
    It was due on: { $due_at }

    { $link }
payment-overdue-email-subject = Overdue: { $amount } to { $business }
payment-overdue-email =
    Dear { $contact },

    { $amount } to { $business } is overdue. Please pay it now.{ $if_description }
    For: { $description }{ $end }
    It was due on: { $due_at }

    { $link }

    If you have paid already, you need not do anything.
payment-received-sms =
    { $business } received { $amount }{ $if_description } for { $description }{ $end }. Thank you. Your receipt:
    { $link }
payment-received-sms-without-end =
    { $business } received { $amount }{ $if_description } for { $description }{ $end }. Your receipt:
    { $link }
payment-received-sms-shortest =
    { $business } received { $amount }. Receipt:
    { $link }
payment-received-social =
    { $business } received { $amount }. Thank you.{ $if_description }
    For: { $description }{ $end }

    Your receipt:
    { $link }
payment-received-email-subject = { $business } received { $amount }
payment-received-email =
    Dear { $contact },

    { $business } received { $amount }. Thank you.{ $if_description }
    For: { $description }{ $end }

    Your receipt is here for as long as you need it:

    { $link }
refund-succeeded-sms =
    { $business } sent { $amount } back to you{ $if_description } for { $description }{ $end }. Your receipt:
    { $link }
refund-succeeded-sms-without-end =
    { $business } sent { $amount } back to you. Your receipt:
    { $link }
refund-succeeded-sms-shortest =
    { $business } sent back { $amount }. Receipt:
    { $link }
refund-succeeded-social =
    { $business } sent { $amount } back to you.{ $if_description }
    For: { $description }{ $end }

    Your receipt:
    { $link }
refund-succeeded-email-subject = { $business } sent { $amount } back to you
refund-succeeded-email =
    Dear { $contact },

    { $business } sent { $amount } back to you.{ $if_description }
    For: { $description }{ $end }

    Until your bank shows it, a few days can pass. Your receipt says what was paid and what went back:

    { $link }
see-receipt = See the receipt

## Pages. $amount is what `money` or `rial-with-toman` says, $short_amount the same in one unit. $gateway is the gateway's
## name, and $host the host of its page.

# What the language calls itself, where another one can be chosen.
language-name = English
choose-language = Language

test-mark = TEST: no money moves
amount-for = Amount
purpose = For
due = Due
payable-until = Pay by
paid-on = Paid on
paid-at = Time of payment
paid-to = Paid to
paid-through = Paid through
reference = Reference
reason = Reason
returned-by = Expected by
copy = Copy these details
copied = Copied
# Stands above the facts of a payment that is printed.
receipt = Payment receipt
may-close = You can close this page.
scan = To pay on your phone, scan this code.

preview-title = { $business } asks you to pay { $amount }
preview-text = Open this link in your browser to pay.

# Stands above the amount.
summary-title = { $business } asks you to pay
summary-text = Next, you go to { $gateway } at { $host }.
pay-now = Pay { $short_amount }
hint-shaparak = Check that the domain of the page ends in .shaparak.ir before you enter your card details.
# Where the page that asks for the card has no such domain.
hint-host = Check that the domain of the page is { $host } before you enter your card details.
hint-vpn = Turn off your VPN; the gateway does not open from outside Iran.
hint-unseen = Your card details go to { $gateway } alone. { $business } does not see them.

going-title = Going to { $gateway }
going-text = You are being taken to { $gateway } at { $host }. If nothing happens, press the button.

paid-title = Payment received
paid-text = Thank you. { $business } has received your payment.
already-paid-title = This link has already been paid
already-paid-text = The payment for this link has been received. There is nothing more to pay.
# A part of it, or all of it, went back by the gateway or by other means.
refunded-title = This payment was refunded
refunded-text = { $refunded } has been returned. Banks can take a few days to show it.
partly-refunded-title = Part of this payment was refunded
partly-refunded-text = { $refunded } of { $amount } has been returned. Banks can take a few days to show it. There is nothing more to pay.
second-title = A second payment
second-payment = Another payment was made for this link. Its money is being returned to the card or account it came from.
second-payment-maybe = Another payment may have been made for this link. If it was, its money is being returned to the card or account it came from.
second-review = Another payment was made for this link. Somebody at { $business } will look into it and contact you.
second-review-maybe = Another payment may have been made for this link. Somebody at { $business } will look into it and contact you.
confirming-title = Your payment is being confirmed
confirming-text = We are asking the payment gateway for the result. This page updates by itself. Please do not pay again.
confirming-long-text = This is taking longer than usual. You can close this page. Your money is safe: the payment will be confirmed or returned. Please do not pay again.
check-now = Check now
# What is read out when somebody has checked and nothing has changed.
checked = Not confirmed yet. Last checked at { $time }.
# On a page that a gateway's posted return meets while we are in trouble.
returning-text = This is taking a little longer than usual. The page continues by itself in a few seconds; if it does not, press the button. Please do not pay again.
returning-button = Continue
failed-title = The payment was not made
failed-text = The gateway says that no payment was made.
failed-cancelled-title = The payment was cancelled
failed-cancelled-text = It was cancelled on the gateway's page, and no payment was made.
failed-declined-title = The payment was declined
failed-declined-text = Your bank or the gateway did not accept this payment.
failed-funds-title = There was not enough money on the card
failed-funds-text = The bank declined this payment because there is too little money on the card.
failed-password-title = The card's password was not accepted
failed-password-text = The bank says that the password, the one-time code or the security code was wrong or no longer valid.
failed-limit-title = The card's limit is reached
failed-limit-text = The bank declined this payment because the card has reached its daily limit, of payments or of money.
failed-over-title = The time to pay ran out
failed-over-text = The gateway's page was open for too long, and no payment was made.
# What most often stands in the way, where the gateway does not say what did.
hint-retry-shaparak = The usual reasons are a wrong or expired one-time password, too little money on the card, or a VPN that is switched on.
hint-retry-international = The usual reasons are a confirmation that your bank asked for and did not get, or a limit of the card.
# What becomes of money that was taken and not confirmed, and how long money needs to go back, depends on the gateway: a
# gateway's own text counts before that of its network.
debited-shaparak = If you were charged anyway, your bank usually returns the money within 72{"\u00a0"}hours.
debited-sep = If you were charged anyway, the money usually comes back by itself within 30{"\u00a0"}minutes; some banks need up to 72{"\u00a0"}hours.
debited-international = If your card or account shows a pending charge anyway, it usually disappears by itself within a week.
unfinished-title = The payment is not complete
unfinished-text = Nothing has been paid yet. You can continue.
unfinished-unresolved-text = We have not received confirmation of a payment yet. You can continue. If you have already paid, your money is safe: please do not pay again.
try-again = Try again to pay { $short_amount }
go-on = Pay { $short_amount }
back-title = Your money is being returned
back-text = This payment was not accepted: { $reason }. Your money is being returned to the card or account it came from.
reason-late = it arrived after the link had expired
reason-cancelled = the link had been cancelled
reason-second = the link had already been paid
reason-elsewhere = what it is for had already been paid
reason-other = the link took no payment at that moment
back-time-shaparak = This usually takes up to 72{"\u00a0"}hours.
back-time-sep = This usually takes half an hour; some banks need up to 72{"\u00a0"}hours.
back-time-international = This usually takes five to ten working days.
back-ask = If it has not arrived by then, contact { $business } with the details below.
review-title = Your payment is being checked
review-text = Somebody at { $business } will look into your payment and contact you. Please do not pay again.
review-ask = If you hear nothing within one working day, contact { $business } with the details below.
review-amount = The amount that arrived is not the amount requested
review-unconfirmed = The gateway has not confirmed the payment
review-return = The return of the money has to be checked
review-other = The payment has to be checked by a person
expired-title = This link has expired
expired-text = Please ask { $business } for a new link.
on-hold-title = This payment is on hold
on-hold-text = { $business } is not taking this payment at the moment. You do not have to do anything now.

# The button by which a customer says so, on pages that would lead to the gateway, and the page that it leads to.
say-paid = I have already paid
said-paid-title = { $business } has been told
said-paid-text = We told { $business } that you have already paid, and it will check. You do not have to pay anything meanwhile.
said-paid-next = Once { $business } finds your payment, this link shows it as paid. You may be asked when and how you paid, so please keep your receipt.
pay-anyway = Not paid after all? Pay { $short_amount }
# Stands above the button that leads to the gateway.
being-checked = { $business } was told that this has already been paid, and is checking. If so, please do not pay again.
cancelled-title = This link was cancelled
cancelled-text = { $business } has cancelled this payment request. You do not have to pay.
# A person had written down that the money came, and then that it did not.
closed-title = This link is closed
closed-text = { $business } had noted a payment for this link and has withdrawn that note. Nothing can be paid here any more. Please ask { $business } for a new link.
if-paid = If you have paid, your money is safe: the payment will be confirmed or returned. Please do not pay again.
unknown-title = There is no such link
unknown-text = Please check the address, or ask whoever sent it to you.
too-many-title = Too many attempts
too-many-text = This link has been opened for payment too many times. Please wait an hour, or contact { $business }.
suspended-title = Payment is not possible at the moment
suspended-text = Payments to { $business } cannot be made here at the moment. Please contact { $business }.
trouble-title = We cannot reach the payment gateway
trouble-text = Nothing has been paid. Please try again in a few minutes.
trouble-unresolved-text = Please try again in a few minutes. If you have already paid, your money is safe: please do not pay again.
down-title = This page cannot be shown right now
down-text = Please reload it in a minute. If you have already paid, your money is safe: please do not pay again.
support = Questions? Contact { $business }:
return-to-business = Back to { $business }

# Paying in parts. $whole is all that was asked for, $paid what was paid so far, $left what is left after a payment.
amount-total = Total
amount-paid = Paid so far
amount-left = Left to pay
part-due = By { $date }
part-is-paid = paid
part-left = { $left } left
pay-part = Pay { $amount } now
pay-all = Pay all of it: { $amount }
pay-other = Pay another amount
pay-this = Pay this amount
pay-rest = Go on to pay the rest
other-amount = Amount in { $currency }
other-amount-toman = Amount in Toman
other-range = From { $least } to { $most }
then-left = Then { $left } is left to pay.
then-left-by = Then { $left } is left to pay, the next of it by { $date }.
then-nothing-left = Then everything is paid.
part-paid-title = Part of it is paid
part-paid-text = Thank you. { $paid } of { $whole } is paid now, and { $amount } is left to pay. You can come back to this link for that.
part-paid-by-text = Thank you. { $paid } of { $whole } is paid now, and { $amount } is left to pay, the next of it by { $date }. You can come back to this link for that.
part-kept = { $paid } of { $whole } was paid and stays paid.
less-is-due = Of what this is for, only { $due } is left to pay. That pays all of it.
paid-elsewhere-title = This has already been paid
paid-elsewhere-text = { $business } has received what this link asks for in another way. There is nothing to pay here.

# A link that expired, and one in whose place there is another.
ask-again = Ask for a new link
renewing-text = A new link is on its way: it is made within a minute or two. Whoever got this link gets the new one the same way, and this address will lead to it.
asked-again-text = We told { $business } that you would like a new link. You will hear from { $business }.
open-newest = Open the newest link

## Receipts

receipt-title = Receipt
receipt-void-title = This receipt is void
receipt-returned-title = Receipt of returned money
receipt-void-text = It was voided on { $date }: the payment that it names was written down by mistake.
receipt-no-tax = This is a receipt of a payment and no tax invoice.
receipt-refunds = Sent back
receipt-left = What remains of it
receipt-item = Item
receipt-number = Receipt number
receipt-check = Anybody can check that this receipt is genuine, at { $address } with this code or by scanning it:
receipt-check-code = The address of this receipt
refunded-on = On { $date }
refund-under-way = On its way back
legal-id = Registration
postal-address = Address
paid-by = Paid by
card = Card
print = Print
receipt-pdf = Receipt as PDF
receipt-made = This file was made on { $date }. Whatever changes afterwards is shown at the address of the code.
method-cash = Cash
method-pos = Card reader
method-card-to-card = Card to card
method-bank-transfer = Bank transfer
method-cheque = Cheque
method-other = Other means
check-title = Check a receipt
check-text = Type the code that stands on the receipt, or the address of its page.
check-label = Code of the receipt
check-button = Check
check-genuine-title = This receipt is genuine
check-genuine-text = A receipt with this code was issued. Compare what is said here with what you were shown.
check-unknown-title = There is no such receipt
check-unknown-text = No receipt has this code. Compare each letter: large and small ones are different.
