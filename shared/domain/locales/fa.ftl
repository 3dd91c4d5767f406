# Persian. What each part is for is said in en.ftl.

## How it writes

direction = rtl
digits = ۰۱۲۳۴۵۶۷۸۹
group-separator = ٬
decimal-separator = ٫
calendar = persian
months =
    فروردین
    اردیبهشت
    خرداد
    تیر
    مرداد
    شهریور
    مهر
    آبان
    آذر
    دی
    بهمن
    اسفند
date = { $day } { $month } { $year }
date-time = { $date } ساعت { $time }

money = { $sign }{ $number } { $currency ->
        [IRR] ریال
       *[other] { $currency }
    }
rial-with-toman = { $toman } تومان ({ $rial })
toman-alone = { $toman } تومان

## Messages

# Two segments have room for 134 characters here, of which the link takes up to 93. So the amount stands in one unit,
# and until when it can be paid is for the pay page to say.
link-created-sms =
    { $business }
    { $short_amount }{ $if_description }
    بابت { $description }{ $end }
    { $link }
link-created-social =
    { $business }
    پرداخت { $amount }{ $if_description }
    بابت { $description }{ $end }
    مهلت: { $expires_at }

    { $link }
link-created-email-subject = درخواست پرداخت از { $business }
link-created-email =
    { $contact }، سلام

    { $business } پرداخت مبلغ { $amount }{ $if_description } بابت { $description }{ $end } را از شما درخواست کرده است. این لینک تا { $expires_at } معتبر است:

    { $link }

    اگر انتظار این پیام را نداشتید، پیش از پرداخت با { $business } تماس بگیرید.

## Pages

test-mark = آزمایشی: پولی جابه‌جا نمی‌شود
amount-for = مبلغ
purpose = بابت
paid-on = زمان پرداخت
reference = شمارهٔ پیگیری
payable-until = مهلت پرداخت

preview-title = { $business } پرداخت { $amount } را از شما درخواست کرده است
preview-text = برای پرداخت، این لینک را در مرورگر باز کنید.

summary-title = پرداخت به { $business }
summary-text = لطفاً پیش از پرداخت بررسی کنید. در مرحلهٔ بعد به درگاه پرداخت می‌روید.
pay-now = پرداخت { $amount }
hint-shaparak = پیش از وارد کردن اطلاعات کارت، مطمئن شوید دامنهٔ صفحه به ‎.shaparak.ir ختم می‌شود.
hint-vpn = فیلترشکن (VPN) خود را خاموش کنید؛ درگاه با IP خارج از ایران باز نمی‌شود.

going-title = در حال رفتن به صفحهٔ پرداخت
going-text = در حال انتقال به صفحهٔ پرداخت هستید. اگر اتفاقی نیفتاد، دکمه را بزنید.

paid-title = پرداخت شد
paid-text = پرداخت شما دریافت شد. سپاسگزاریم. می‌توانید این صفحه را ببندید.
already-paid-title = این لینک پرداخت شده است
already-paid-text = مبلغ این لینک پیش‌تر دریافت شده است. لازم نیست چیز دیگری پرداخت کنید و می‌توانید این صفحه را ببندید.
refunded-title = مبلغ این پرداخت برگردانده شد
refunded-text = { $refunded } برگردانده شده است. ممکن است چند روز طول بکشد تا در حساب دیده شود. می‌توانید این صفحه را ببندید.
partly-refunded-title = بخشی از این پرداخت برگردانده شد
partly-refunded-text = { $refunded } از { $amount } برگردانده شده است. ممکن است چند روز طول بکشد تا در حساب دیده شود. لازم نیست چیز دیگری پرداخت کنید و می‌توانید این صفحه را ببندید.
second-payment = پرداخت دیگری هم برای این لینک انجام شده است. مبلغ آن به همان جایی که از آن پرداخت شده برمی‌گردد.
second-payment-maybe = شاید پرداخت دیگری هم برای این لینک انجام شده باشد. اگر چنین باشد، مبلغ آن به همان جایی که از آن پرداخت شده برمی‌گردد.
second-review = پرداخت دیگری هم برای این لینک انجام شده است. همکاران { $business } آن را بررسی می‌کنند و با شما تماس می‌گیرند.
second-review-maybe = شاید پرداخت دیگری هم برای این لینک انجام شده باشد. همکاران { $business } آن را بررسی می‌کنند و با شما تماس می‌گیرند.
confirming-title = پرداخت شما در حال تأیید است
confirming-text = در حال پرسش از درگاه پرداخت هستیم. این صفحه خودبه‌خود تازه می‌شود. لطفاً دوباره پرداخت نکنید.
confirming-long-text = این بیش از معمول طول کشیده است. می‌توانید این صفحه را ببندید؛ چیزی از دست نمی‌رود و پرداخت تأیید یا برگردانده خواهد شد. لطفاً دوباره پرداخت نکنید.
returning-text = این کمی بیشتر از معمول طول می‌کشد. صفحه تا چند ثانیهٔ دیگر خودبه‌خود ادامه می‌دهد؛ اگر نداد، دکمه را بزنید. لطفاً دوباره پرداخت نکنید.
returning-button = ادامه
failed-title = پرداخت انجام نشد
failed-text = درگاه اعلام کرد که پرداختی انجام نشده است.
failed-cancelled-text = پرداخت در صفحهٔ درگاه لغو شد.
failed-declined-text = بانک شما یا درگاه این پرداخت را نپذیرفت.
failed-over-text = مهلت این پرداخت پیش از کامل شدن آن به پایان رسید.
debited-shaparak = اگر با این حال مبلغی از کارت شما کم شده باشد، بانک آن را معمولاً تا ۷۲ ساعت برمی‌گرداند.
debited-sep = اگر با این حال مبلغی از کارت شما کم شده باشد، معمولاً تا ۳۰ دقیقه خودبه‌خود برمی‌گردد؛ در برخی بانک‌ها تا ۷۲ ساعت طول می‌کشد.
debited-international = اگر با این حال کارت یا حساب شما برداشتی در انتظار نشان می‌دهد، معمولاً تا یک هفته خودبه‌خود حذف می‌شود.
unfinished-title = پرداخت تمام نشده است
unfinished-text = هنوز چیزی پرداخت نشده است. می‌توانید پرداخت را ادامه دهید.
unfinished-unresolved-text = هنوز خبری از پرداخت به ما نرسیده است. می‌توانید پرداخت را ادامه دهید. اگر پرداخت کرده‌اید چیزی از دست نرفته است: لطفاً دوباره پرداخت نکنید.
try-again = تلاش دوباره
go-on = ادامهٔ پرداخت
back-title = پول شما برمی‌گردد
back-text = این لینک نتوانست پرداخت شما را بپذیرد. مبلغ به همان جایی که از آن پرداخت شده برمی‌گردد.
back-time-shaparak = این کار معمولاً تا ۷۲ ساعت طول می‌کشد.
back-time-sep = این کار معمولاً نیم ساعت طول می‌کشد؛ در برخی بانک‌ها تا ۷۲ ساعت.
back-time-international = این کار معمولاً پنج تا ده روز کاری طول می‌کشد.
review-title = پرداخت شما در حال بررسی است
review-text = همکاران { $business } پرداخت شما را بررسی می‌کنند و با شما تماس می‌گیرند. لطفاً دوباره پرداخت نکنید.
expired-title = مهلت این لینک تمام شده است
expired-text = لطفاً از { $business } لینک تازه‌ای بخواهید.
on-hold-title = پرداخت این لینک فعلاً متوقف است
on-hold-text = { $business } فعلاً این پرداخت را نمی‌پذیرد. الان لازم نیست کاری انجام دهید.

cancelled-title = این لینک لغو شده است
cancelled-text = { $business } این درخواست پرداخت را لغو کرده است. لازم نیست چیزی پرداخت کنید.
if-paid = اگر پرداخت کرده‌اید چیزی از دست نرفته است: پرداخت شما هنوز تأیید یا برگردانده خواهد شد. لطفاً دوباره پرداخت نکنید.
unknown-title = چنین لینکی وجود ندارد
unknown-text = لطفاً نشانی را بررسی کنید یا از فرستندهٔ آن بپرسید.
too-many-title = تلاش‌های زیاد
too-many-text = این لینک بیش از اندازه برای پرداخت باز شده است. لطفاً یک ساعت صبر کنید یا از { $business } بپرسید.
suspended-title = پرداخت در حال حاضر ممکن نیست
suspended-text = در حال حاضر نمی‌توان از اینجا به { $business } پرداخت کرد. لطفاً با { $business } تماس بگیرید.
trouble-title = دسترسی به درگاه پرداخت ممکن نیست
trouble-text = چیزی پرداخت نشده است. لطفاً چند دقیقهٔ دیگر دوباره تلاش کنید.
trouble-unresolved-text = لطفاً چند دقیقهٔ دیگر دوباره تلاش کنید. اگر پرداخت کرده‌اید چیزی از دست نرفته است: لطفاً دوباره پرداخت نکنید.
down-title = این صفحه اکنون قابل نمایش نیست
down-text = لطفاً یک دقیقهٔ دیگر آن را تازه کنید. اگر پرداخت کرده‌اید چیزی از دست نرفته است: لطفاً دوباره پرداخت نکنید.
support = پرسشی دارید؟ از { $business } بپرسید:
return-to-business = بازگشت به { $business }
