# English. This file is everything that Paylink knows of this language: how it writes numbers, money and dates, and what
# it says on pages and in messages. A file beside this one is another language; the tests say which texts it lacks.

## How it writes

# ltr or rtl
direction = ltr
# From zero to nine.
digits = 0123456789
group-separator = ,
decimal-separator = .
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
date = { $day } { $month } { $year }
date-time = { $date }, { $time }

# Only symbols that name one currency without doubt; a bare "$" could be a dozen dollars, but it is read as the US one by
# everybody. All others show their ISO 4217 code.
money = { $sign }{ $currency ->
        [USD] $
        [EUR] €
        [GBP] £
        [INR] ₹
       *[other] { $currency }{" "}
    }{ $number }
# Rial that is a whole number of Toman, where the business does not want Rial alone. $rial is what `money` says, $toman
# the number of Toman.
rial-with-toman = { $rial }
# Toman alone, where a text asks for it.
toman-alone = { $toman } Toman

## Messages. $if_description and $end stand around what is said only where the link has a description. An SMS in other
## characters than those of GSM has less than half the room: it may say $short_amount, which is the amount in one unit,
## for $amount and leave out $expires_at.

link-created-sms =
    { $business } asks you to pay { $amount }{ $if_description } for { $description }{ $end } by { $expires_at }:
    { $link }
link-created-social =
    { $business } asks you to pay { $amount }{ $if_description } for { $description }{ $end } by { $expires_at }:

    { $link }
link-created-email-subject = Payment request from { $business }
link-created-email =
    Dear { $contact },

    { $business } asks you to pay { $amount }{ $if_description } for { $description }{ $end }. You can pay until { $expires_at }:

    { $link }

    If you did not expect this message, please contact { $business } before you pay.

## Pages. $amount is what `money` or `rial-with-toman` says.

test-mark = TEST: no money moves
amount-for = Amount
purpose = For
paid-on = Paid on
reference = Reference
payable-until = Payable until

preview-title = { $business } asks you to pay { $amount }
preview-text = Open this link in your browser to pay.

summary-title = Payment to { $business }
summary-text = Please check what you are about to pay. The next page is the payment gateway's.
pay-now = Pay { $amount }
hint-shaparak = Before you enter your card's details, check that the domain of the page ends in .shaparak.ir.
hint-vpn = Turn off your VPN; the gateway does not open from outside Iran.

going-title = Going to the payment page
going-text = You are being taken to the payment page. If nothing happens, press the button.

paid-title = Paid
paid-text = Your payment has arrived. Thank you. You can close this page.
already-paid-title = This link is paid already
already-paid-text = The payment for this link has arrived. There is nothing more to pay, and you can close this page.
# A part of it, or all of it, went back by the gateway or by other means.
refunded-title = This payment was refunded
refunded-text = { $refunded } has been returned. Banks can take a few days to show it. You can close this page.
partly-refunded-title = A part of this payment was refunded
partly-refunded-text = { $refunded } of { $amount } has been returned. Banks can take a few days to show it. There is nothing more to pay, and you can close this page.
second-payment = Another payment was made for this link. Its money goes back to where it came from.
second-payment-maybe = Another payment may have been made for this link. If it was, its money goes back to where it came from.
second-review = Another payment was made for this link. Somebody at { $business } will look at it and get in touch.
second-review-maybe = Another payment may have been made for this link. Somebody at { $business } will look at it and get in touch.
confirming-title = Your payment is being confirmed
confirming-text = We are asking the payment gateway. This page refreshes by itself. Please do not pay again.
confirming-long-text = This takes longer than usual. You may close this page; nothing is lost, and the payment will be confirmed or returned. Please do not pay again.
# On a page that a gateway's posted return meets while we are in trouble.
returning-text = This takes a little longer than usual. The page goes on by itself in a few seconds; if it does not, press the button. Please do not pay again.
returning-button = Go on
failed-title = The payment was not made
failed-text = The gateway says that no payment was made.
failed-cancelled-text = The payment was cancelled on the gateway's page.
failed-declined-text = The payment was declined by your bank or by the gateway.
failed-over-text = The time for this payment ran out before it was finished.
# What becomes of money that was taken and not confirmed, and how long money needs to go back, depends on the gateway: a
# gateway's own text counts before that of its network.
debited-shaparak = If money was taken from your card all the same, your bank usually returns it within 72 hours.
debited-sep = If money was taken from your card all the same, it usually goes back by itself within 30 minutes; some banks need up to 72 hours.
debited-international = If your card or account shows a pending charge all the same, it usually disappears by itself within a week.
unfinished-title = The payment is not finished
unfinished-text = Nothing was paid yet. You can go on paying.
unfinished-unresolved-text = We have not heard of a payment yet. You can go on paying. If you have paid already, nothing is lost: please do not pay again.
try-again = Try again
go-on = Go on to payment
back-title = Your money goes back
back-text = This link could not take your payment. The money goes back to where it came from.
back-time-shaparak = That usually takes up to 72 hours.
back-time-sep = That usually takes half an hour; some banks need up to 72 hours.
back-time-international = That usually takes five to ten working days.
review-title = Your payment is being looked into
review-text = Somebody at { $business } will look at your payment and get in touch. Please do not pay again.
expired-title = This link has expired
expired-text = Please ask { $business } for a new one.
on-hold-title = This payment is on hold
on-hold-text = { $business } does not take this payment for the moment. You do not have to do anything now.

# The button by which a customer says so, on pages that would lead to the gateway, and the page that it leads to.
say-paid = I have already paid
said-paid-title = { $business } has been told
said-paid-text = We told { $business } that you have already paid, and it will check. You do not have to pay anything meanwhile.
said-paid-next = Once { $business } finds your payment, this link says that it is paid. It may ask you when and how you paid, so please keep your receipt.
pay-anyway = Not paid after all? Pay { $amount }
# Stands above the button that leads to the gateway.
being-checked = { $business } was told that this has already been paid, and is checking. If that is so, please do not pay again.
cancelled-title = This link was cancelled
cancelled-text = { $business } has cancelled this payment request. You do not have to pay.
# A person had written down that the money came, and then that it did not.
closed-title = This link is closed
closed-text = { $business } had noted a payment for this link and has withdrawn that note. Nothing can be paid here any more. Please ask { $business } for a new link.
if-paid = If you have paid: nothing is lost. The payment will still be confirmed or returned. Please do not pay again.
unknown-title = There is no such link
unknown-text = Please check the address, or ask whoever sent it to you.
too-many-title = Too many attempts
too-many-text = This link was opened for payment too often. Please wait an hour, or ask { $business }.
suspended-title = Payment is not possible at the moment
suspended-text = Payments to { $business } cannot be made here at the moment. Please contact { $business }.
trouble-title = We cannot reach the payment gateway
trouble-text = Nothing was paid. Please try again in a few minutes.
trouble-unresolved-text = Please try again in a few minutes. If you have paid already, nothing is lost: please do not pay again.
down-title = This page cannot be shown right now
down-text = Please reload it in a minute. If you have paid already, nothing is lost: please do not pay again.
support = Questions? Ask { $business }:
return-to-business = Back to { $business }
