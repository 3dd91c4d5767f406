# Persian. What each part is for is said in en.ftl.

## How it writes

direction = rtl
digits = ۰۱۲۳۴۵۶۷۸۹
group-separator = ٬
decimal-separator = ٫
indian-grouping-in = { "" }
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
date = { $day }{"\u00a0"}{ $month } { $year }
date-time = { $date } ساعت{"\u00a0"}{ $time }
zone = به وقت { $zone ->
        [Almaty] آلماتی
        [Amman] امان
        [Amsterdam] آمستردام
        [Baghdad] بغداد
        [Bahrain] بحرین
        [Baku] باکو
        [Beirut] بیروت
        [Berlin] برلین
        [Cairo] قاهره
        [Damascus] دمشق
        [Dubai] دبی
        [Dushanbe] دوشنبه
        [Istanbul] استانبول
        [Kabul] کابل
        [Karachi] کراچی
        [Kolkata] کلکته
        [Kuwait] کویت
        [London] لندن
        [Los_Angeles] لس‌آنجلس
        [Moscow] مسکو
        [Muscat] مسقط
        [New_York] نیویورک
        [Paris] پاریس
        [Qatar] قطر
        [Riyadh] ریاض
        [Stockholm] استکهلم
        [Sydney] سیدنی
        [Tashkent] تاشکند
        [Tbilisi] تفلیس
        [Tehran] تهران
        [Toronto] تورنتو
        [UTC] هماهنگ جهانی (UTC)
        [Vienna] وین
        [Yerevan] ایروان
        [Zurich] زوریخ
       *[other] { $city }
    }

money =
    { $sign }{ $number }{"\u00a0"}{ $currency ->
        [AED] درهم امارات
        [AUD] دلار استرالیا
        [BRL] رئال برزیل
        [CAD] دلار کانادا
        [CHF] فرانک سوئیس
        [CLP] پزوی شیلی
        [CNY] یوان چین
        [COP] پزوی کلمبیا
        [CZK] کرون چک
        [DKK] کرون دانمارک
        [DOP] پزوی دومینیکن
        [EGP] پوند مصر
        [EUR] یورو
        [GBP] پوند انگلیس
        [GEL] لاری گرجستان
        [HKD] دلار هنگ‌کنگ
        [IDR] روپیهٔ اندونزی
        [ILS] شکل اسرائیل
        [INR] روپیهٔ هند
        [IRR] ریال
        [JPY] ین ژاپن
        [KES] شیلینگ کنیا
        [KRW] وون کرهٔ جنوبی
        [KZT] تنگهٔ قزاقستان
        [MAD] درهم مراکش
        [MXN] پزوی مکزیک
        [MYR] رینگیت مالزی
        [NGN] نایرای نیجریه
        [NOK] کرون نروژ
        [NZD] دلار نیوزیلند
        [PEN] سول پرو
        [PHP] پزوی فیلیپین
        [PLN] زلوتی لهستان
        [QAR] ریال قطر
        [RON] لئوی رومانی
        [SAR] ریال عربستان
        [SEK] کرون سوئد
        [SGD] دلار سنگاپور
        [THB] بات تایلند
        [TRY] لیر ترکیه
        [UAH] هریونای اوکراین
        [USD] دلار آمریکا
        [VND] دانگ ویتنام
        [ZAR] رند آفریقای جنوبی
       *[other] { $currency }
    }
# In what people of this language count Rial: toman or rial.
rial-counted-in = toman
rial-with-toman = { $toman }{"\u00a0"}تومان ({ $rial })
toman-alone = { $toman }{"\u00a0"}تومان

## Messages

# Two segments have room for 134 characters here, of which the link takes up to 87.
link-created-sms =
    { $business }
    لطفاً { $short_amount }{ $if_description } بابت { $description }{ $end } را تا { $expires_at } پرداخت کنید:
    { $link }
link-created-sms-without-end =
    { $business }
    لطفاً { $short_amount }{ $if_description } بابت { $description }{ $end } را پرداخت کنید:
    { $link }
link-created-sms-shortest =
    { $business }
    پرداخت { $short_amount }
    { $link }
link-created-social =
    { $business } از شما درخواست پرداخت { $amount } دارد.{ $if_description }
    بابت: { $description }{ $end }
    مهلت پرداخت: { $expires_at }

    { $link }
link-created-email-subject = { $business } از شما درخواست پرداخت { $amount } دارد
link-created-email =
    { $contact } گرامی، سلام

    { $business } از شما درخواست پرداخت { $amount } دارد.{ $if_description }
    بابت: { $description }{ $end }
    مهلت پرداخت: { $expires_at }

    { $link }

    اگر انتظار این پیام را نداشتید، پیش از پرداخت با { $business } تماس بگیرید.
payment-reminder-sms =
    { $business }
    یادآوری: { $short_amount }{ $if_description } بابت { $description }{ $end } را تا { $expires_at } بپردازید:
    { $link }
payment-reminder-sms-without-end =
    { $business }
    یادآوری: { $short_amount }{ $if_description } بابت { $description }{ $end } را بپردازید:
    { $link }
payment-reminder-sms-shortest =
    { $business }
    یادآوری { $short_amount }
    { $link }
payment-reminder-social =
    یادآوری: { $business } از شما درخواست پرداخت { $amount } دارد.{ $if_description }
    بابت: { $description }{ $end }
    مهلت پرداخت: { $expires_at }

    { $link }
payment-reminder-email-subject = یادآوری: { $business } از شما درخواست پرداخت { $amount } دارد
payment-reminder-email =
    { $contact } گرامی، سلام

    یادآوری می‌کنیم که { $business } از شما درخواست پرداخت { $amount } دارد.{ $if_description }
    بابت: { $description }{ $end }
    مهلت پرداخت: { $expires_at }

    { $link }

    اگر پیش از این پرداخت کرده‌اید، نیازی به کاری نیست.
payment-overdue-sms =
    { $business }
    سررسید { $short_amount }{ $if_description } بابت { $description }{ $end } در { $due_at } بود. بپردازید:
    { $link }
payment-overdue-sms-without-end =
    { $business }
    سررسید { $short_amount }{ $if_description } بابت { $description }{ $end } گذشته است. بپردازید:
    { $link }
payment-overdue-sms-shortest =
    { $business }
    معوق: { $short_amount }
    { $link }
payment-overdue-social =
    سررسید پرداخت { $amount } به { $business } گذشته است. لطفاً اکنون بپردازید.{ $if_description }
    بابت: { $description }{ $end }
    سررسید: { $due_at }

    { $link }
payment-overdue-email-subject = سررسید پرداخت { $amount } به { $business } گذشته است
payment-overdue-email =
    { $contact } گرامی، سلام

    سررسید پرداخت { $amount } به { $business } گذشته است. لطفاً اکنون بپردازید.{ $if_description }
    بابت: { $description }{ $end }
    سررسید: { $due_at }

    { $link }

    اگر پیش از این پرداخت کرده‌اید، نیازی به کاری نیست.
payment-received-sms =
    { $business }
    پرداخت { $short_amount }{ $if_description } بابت { $description }{ $end } دریافت شد. سپاس از شما. رسید:
    { $link }
payment-received-sms-without-end =
    { $business }
    پرداخت { $short_amount }{ $if_description } بابت { $description }{ $end } دریافت شد. رسید:
    { $link }
payment-received-sms-shortest =
    { $business }
    دریافت { $short_amount }
    { $link }
payment-received-social =
    { $business } پرداخت { $amount } شما را دریافت کرد. سپاس از شما.{ $if_description }
    بابت: { $description }{ $end }

    رسید شما:
    { $link }
payment-received-email-subject = { $business } پرداخت { $amount } شما را دریافت کرد
payment-received-email =
    { $contact } گرامی، سلام

    { $business } پرداخت { $amount } شما را دریافت کرد. سپاس از شما.{ $if_description }
    بابت: { $description }{ $end }

    رسید شما همیشه در این نشانی در دسترس است:

    { $link }
refund-succeeded-sms =
    { $business }
    { $short_amount }{ $if_description } بابت { $description }{ $end } به شما برگردانده شد. رسید:
    { $link }
refund-succeeded-sms-without-end =
    { $business }
    { $short_amount } به شما برگردانده شد. رسید:
    { $link }
refund-succeeded-sms-shortest =
    { $business }
    برگشت { $short_amount }
    { $link }
refund-succeeded-social =
    { $business } مبلغ { $amount } را به شما برگرداند.{ $if_description }
    بابت: { $description }{ $end }

    رسید شما:
    { $link }
refund-succeeded-email-subject = { $business } مبلغ { $amount } را به شما برگرداند
refund-succeeded-email =
    { $contact } گرامی، سلام

    { $business } مبلغ { $amount } را به شما برگرداند.{ $if_description }
    بابت: { $description }{ $end }

    ممکن است چند روز طول بکشد تا بانک شما آن را نشان دهد. آنچه پرداخت و آنچه برگردانده شده در رسید آمده است:

    { $link }
see-receipt = دیدن رسید

## Pages

language-name = فارسی
choose-language = زبان

test-mark = آزمایشی: پولی جابه‌جا نمی‌شود
amount-for = مبلغ
purpose = بابت
due = سررسید
payable-until = مهلت پرداخت
paid-on = زمان پرداخت
paid-at = زمان پرداخت
paid-to = دریافت‌کننده
paid-through = درگاه پرداخت
reference = شمارهٔ پیگیری
reason = علت
returned-by = حداکثر تا
copy = کپی این مشخصات
copied = کپی شد
receipt = رسید پرداخت
may-close = می‌توانید این صفحه را ببندید.
scan = برای پرداخت با گوشی، این کد را اسکن کنید.

preview-title = { $business } از شما درخواست پرداخت { $amount } دارد
preview-text = برای پرداخت، این لینک را در مرورگر باز کنید.

summary-title = درخواست پرداخت از طرف { $business }
summary-text = در مرحلهٔ بعد به درگاه { $gateway } به نشانی { $host } می‌روید.
pay-now = پرداخت { $short_amount }
hint-shaparak = پیش از وارد کردن اطلاعات کارت، مطمئن شوید دامنهٔ صفحه به {"\u2066"}.shaparak.ir{"\u2069"} ختم می‌شود.
hint-host = پیش از وارد کردن اطلاعات کارت، مطمئن شوید دامنهٔ صفحه { $host } است.
hint-vpn = فیلترشکن (VPN) خود را خاموش کنید؛ درگاه با IP خارج از ایران باز نمی‌شود.
hint-unseen = اطلاعات کارت شما را فقط { $gateway } می‌گیرد و { $business } آن را نمی‌بیند.

going-title = در حال رفتن به درگاه { $gateway }
going-text = در حال انتقال به درگاه { $gateway } به نشانی { $host } هستید. اگر منتقل نشدید، دکمه را بزنید.

paid-title = پرداخت شد
paid-text = سپاسگزاریم. { $business } پرداخت شما را دریافت کرد.
already-paid-title = این لینک پرداخت شده است
already-paid-text = مبلغ این لینک پیش‌تر دریافت شده است. لازم نیست چیز دیگری پرداخت کنید.
refunded-title = مبلغ این پرداخت برگردانده شد
refunded-text = { $refunded } برگردانده شده است. ممکن است چند روز طول بکشد تا در حساب شما دیده شود.
partly-refunded-title = بخشی از این پرداخت برگردانده شد
partly-refunded-text = { $refunded } از { $amount } برگردانده شده است. ممکن است چند روز طول بکشد تا در حساب شما دیده شود. لازم نیست چیز دیگری پرداخت کنید.
second-title = پرداخت دوم
second-payment = پرداخت دیگری هم برای این لینک انجام شده است. مبلغ آن به همان کارت یا حساب برمی‌گردد.
second-payment-maybe = شاید پرداخت دیگری هم برای این لینک انجام شده باشد. اگر چنین باشد، مبلغ آن به همان کارت یا حساب برمی‌گردد.
second-review = پرداخت دیگری هم برای این لینک انجام شده است. همکاران { $business } آن را بررسی می‌کنند و با شما تماس می‌گیرند.
second-review-maybe = شاید پرداخت دیگری هم برای این لینک انجام شده باشد. همکاران { $business } آن را بررسی می‌کنند و با شما تماس می‌گیرند.
confirming-title = پرداخت شما در حال تأیید است
confirming-text = در حال استعلام نتیجه از درگاه هستیم. این صفحه به‌طور خودکار به‌روز می‌شود. لطفاً دوباره پرداخت نکنید.
confirming-long-text = این کار بیش از معمول طول کشیده است. می‌توانید این صفحه را ببندید. پول شما محفوظ است: پرداخت تأیید یا برگردانده می‌شود. لطفاً دوباره پرداخت نکنید.
check-now = بررسی دوباره
checked = هنوز تأیید نشده است. آخرین بررسی: ساعت{"\u00a0"}{ $time }
returning-text = این کار کمی بیشتر از معمول طول کشیده است. صفحه تا چند ثانیهٔ دیگر به‌طور خودکار ادامه می‌دهد؛ اگر ادامه نداد، دکمه را بزنید. لطفاً دوباره پرداخت نکنید.
returning-button = ادامه
failed-title = پرداخت انجام نشد
failed-text = درگاه اعلام کرد که پرداختی انجام نشده است.
failed-cancelled-title = پرداخت لغو شد
failed-cancelled-text = پرداخت در صفحهٔ درگاه لغو شد و مبلغی پرداخت نشده است.
failed-declined-title = پرداخت پذیرفته نشد
failed-declined-text = بانک شما یا درگاه این پرداخت را نپذیرفت.
failed-funds-title = موجودی کارت کافی نبود
failed-funds-text = بانک این پرداخت را نپذیرفت، چون موجودی کارت برای آن کافی نیست.
failed-password-title = رمز کارت پذیرفته نشد
failed-password-text = به گفتهٔ بانک، رمز کارت، رمز پویا یا CVV2 اشتباه بود یا زمان آن گذشته بود.
failed-limit-title = سقف پرداخت این کارت پر شده است
failed-limit-text = بانک این پرداخت را نپذیرفت، چون سقف روزانهٔ این کارت، از نظر تعداد یا مبلغ، پر شده است.
failed-over-title = زمان پرداخت تمام شد
failed-over-text = صفحهٔ درگاه بیش از حد باز ماند و مبلغی پرداخت نشده است.
hint-retry-shaparak = علت‌های رایج: رمز پویای نادرست یا منقضی، کافی نبودن موجودی، یا روشن بودن فیلترشکن (VPN).
hint-retry-international = علت‌های رایج: تأیید نشدن پرداخت در برنامه یا پیامک بانک، یا سقف کارت.
debited-shaparak = اگر با این حال مبلغی از کارت شما کم شده باشد، بانک آن را معمولاً تا ۷۲{"\u00a0"}ساعت برمی‌گرداند.
debited-sep = اگر با این حال مبلغی از کارت شما کم شده باشد، معمولاً تا ۳۰{"\u00a0"}دقیقه به‌طور خودکار برمی‌گردد؛ در برخی بانک‌ها تا ۷۲{"\u00a0"}ساعت طول می‌کشد.
debited-international = اگر با این حال کارت یا حساب شما برداشتی در انتظار نشان می‌دهد، معمولاً تا یک هفته به‌طور خودکار حذف می‌شود.
unfinished-title = پرداخت کامل نشده است
unfinished-text = هنوز چیزی پرداخت نشده است. می‌توانید پرداخت را ادامه دهید.
unfinished-unresolved-text = هنوز تأیید پرداخت را دریافت نکرده‌ایم. می‌توانید پرداخت را ادامه دهید. اگر پرداخت کرده‌اید، پول شما محفوظ است: لطفاً دوباره پرداخت نکنید.
try-again = تلاش دوباره برای پرداخت { $short_amount }
go-on = پرداخت { $short_amount }
back-title = پول شما برمی‌گردد
back-text = این پرداخت پذیرفته نشد: { $reason }. مبلغ به همان کارت یا حساب برمی‌گردد.
reason-late = مهلت لینک تمام شده بود
reason-cancelled = لینک لغو شده بود
reason-second = این لینک پیش‌تر پرداخت شده بود
reason-elsewhere = آنچه این لینک برای آن است پیش‌تر پرداخت شده بود
reason-other = لینک در آن لحظه پرداختی نمی‌پذیرفت
back-time-shaparak = این کار معمولاً تا ۷۲{"\u00a0"}ساعت طول می‌کشد.
back-time-sep = این کار معمولاً نیم ساعت طول می‌کشد؛ در برخی بانک‌ها تا ۷۲{"\u00a0"}ساعت.
back-time-international = این کار معمولاً پنج تا ده روز کاری طول می‌کشد.
back-ask = اگر تا آن زمان برنگشت، با { $business } تماس بگیرید و مشخصات زیر را بگویید.
review-title = پرداخت شما در حال بررسی است
review-text = همکاران { $business } پرداخت شما را بررسی می‌کنند و با شما تماس می‌گیرند. لطفاً دوباره پرداخت نکنید.
review-ask = اگر تا یک روز کاری خبری نشد، با { $business } تماس بگیرید و مشخصات زیر را بگویید.
review-amount = مبلغ دریافت‌شده با مبلغ درخواست‌شده یکی نیست
review-unconfirmed = درگاه هنوز پرداخت را تأیید نکرده است
review-return = برگشت مبلغ باید بررسی شود
review-other = پرداخت باید به دست همکاران بررسی شود
expired-title = مهلت این لینک تمام شده است
expired-text = لطفاً از { $business } لینک جدیدی بخواهید.
on-hold-title = پرداخت این لینک فعلاً متوقف است
on-hold-text = { $business } فعلاً این پرداخت را نمی‌پذیرد. الان لازم نیست کاری انجام دهید.

say-paid = قبلاً پرداخت کرده‌ام
said-paid-title = به { $business } اطلاع دادیم
said-paid-text = به { $business } اطلاع دادیم که قبلاً پرداخت کرده‌اید تا آن را بررسی کند. تا آن زمان لازم نیست چیزی پرداخت کنید.
said-paid-next = وقتی { $business } پرداخت شما را پیدا کند، همین لینک نشان می‌دهد که پرداخت شده است. شاید از شما بپرسند کِی و چگونه پرداخت کرده‌اید؛ لطفاً رسید خود را نگه دارید.
pay-anyway = هنوز پرداخت نکرده‌اید؟ پرداخت { $short_amount }
being-checked = به { $business } اطلاع داده شده که این مبلغ قبلاً پرداخت شده است و موضوع در حال بررسی است. اگر پرداخت کرده‌اید، لطفاً دوباره پرداخت نکنید.
cancelled-title = این لینک لغو شده است
cancelled-text = { $business } این درخواست پرداخت را لغو کرده است. لازم نیست چیزی پرداخت کنید.
closed-title = این لینک بسته شده است
closed-text = پرداختی که { $business } برای این لینک ثبت کرده بود باطل شده است و دیگر نمی‌توان از اینجا پرداخت کرد. لطفاً از { $business } لینک جدیدی بخواهید.
if-paid = اگر پرداخت کرده‌اید، پول شما محفوظ است: پرداخت تأیید یا برگردانده می‌شود. لطفاً دوباره پرداخت نکنید.
unknown-title = چنین لینکی وجود ندارد
unknown-text = لطفاً نشانی را بررسی کنید یا از فرستندهٔ آن بپرسید.
too-many-title = تعداد تلاش‌ها بیش از حد مجاز است
too-many-text = این لینک بیش از حد برای پرداخت باز شده است. لطفاً یک ساعت صبر کنید یا با { $business } تماس بگیرید.
suspended-title = پرداخت در حال حاضر ممکن نیست
suspended-text = در حال حاضر نمی‌توان از اینجا به { $business } پرداخت کرد. لطفاً با { $business } تماس بگیرید.
trouble-title = دسترسی به درگاه پرداخت ممکن نیست
trouble-text = چیزی پرداخت نشده است. لطفاً چند دقیقهٔ دیگر دوباره تلاش کنید.
trouble-unresolved-text = لطفاً چند دقیقهٔ دیگر دوباره تلاش کنید. اگر پرداخت کرده‌اید، پول شما محفوظ است: لطفاً دوباره پرداخت نکنید.
down-title = این صفحه اکنون قابل نمایش نیست
down-text = لطفاً یک دقیقهٔ دیگر دوباره آن را باز کنید. اگر پرداخت کرده‌اید، پول شما محفوظ است: لطفاً دوباره پرداخت نکنید.
support = سؤالی دارید؟ با { $business } تماس بگیرید:
return-to-business = بازگشت به { $business }

# Paying in parts. $whole is all that was asked for, $paid what was paid so far, $left what is left after a payment.
amount-total = مبلغ کل
amount-paid = پرداخت‌شده تا اکنون
amount-left = مانده
part-due = تا { $date }
part-is-paid = پرداخت شد
part-left = { $left } مانده
pay-part = اکنون { $amount } می‌پردازم
pay-all = همهٔ مانده را می‌پردازم: { $amount }
pay-other = مبلغ دیگری می‌پردازم
pay-this = پرداخت این مبلغ
pay-rest = پرداخت مانده
other-amount = مبلغ به { $currency }
other-amount-toman = مبلغ به تومان
other-range = از { $least } تا { $most }
then-left = پس از آن { $left } می‌ماند.
then-left-by = پس از آن { $left } می‌ماند؛ مهلت قسط بعدی { $date } است.
then-nothing-left = پس از آن چیزی نمی‌ماند.
part-paid-title = بخشی از مبلغ پرداخت شد
part-paid-text = سپاس. تا اکنون { $paid } از { $whole } پرداخت شده و { $amount } مانده است. برای پرداخت مانده می‌توانید همین لینک را دوباره باز کنید.
part-paid-by-text = سپاس. تا اکنون { $paid } از { $whole } پرداخت شده و { $amount } مانده است؛ مهلت قسط بعدی { $date } است. برای پرداخت آن می‌توانید همین لینک را دوباره باز کنید.
part-kept = { $paid } از { $whole } پرداخت شده است و محفوظ می‌ماند.
less-is-due = از آنچه این لینک برای آن است تنها { $due } مانده است و با پرداخت آن چیزی نمی‌ماند.
paid-elsewhere-title = این مبلغ پیش‌تر پرداخت شده است
paid-elsewhere-text = { $business } مبلغ این لینک را از راه دیگری دریافت کرده است. لازم نیست چیزی بپردازید.

# A link that expired, and one in whose place there is another.
ask-again = درخواست لینک جدید
renewing-text = لینک جدید در راه است و تا یکی دو دقیقهٔ دیگر ساخته می‌شود. هر کس این لینک را گرفته بود، لینک جدید را هم از همان راه می‌گیرد و همین نشانی هم به لینک جدید می‌رود.
asked-again-text = به { $business } اطلاع دادیم که لینک جدیدی می‌خواهید. { $business } به شما خبر می‌دهد.
open-newest = باز کردن جدیدترین لینک

## Receipts

receipt-title = رسید پرداخت
receipt-void-title = این رسید باطل شده است
receipt-returned-title = رسید وجه برگردانده‌شده
receipt-void-text = این رسید در { $date } باطل شد: پرداختی که در آن آمده به اشتباه ثبت شده بود.
receipt-no-tax = این برگه رسید پرداخت است و صورت‌حساب مالیاتی نیست.
receipt-refunds = برگردانده‌شده
receipt-left = مانده پس از برگشت
receipt-item = مورد
receipt-number = شمارهٔ رسید
receipt-check = هر کسی می‌تواند درستی این رسید را در { $address } با این کد، یا با اسکن آن، بررسی کند:
receipt-check-code = نشانی این رسید
refunded-on = در { $date }
refund-under-way = در حال برگشت
legal-id = شناسه یا شمارهٔ ثبت
postal-address = نشانی
paid-by = پرداخت‌کننده
card = کارت
print = چاپ
receipt-pdf = رسید به‌صورت PDF
receipt-made = این فایل در { $date } ساخته شده است. هر تغییری پس از آن در نشانی این کد دیده می‌شود.
method-cash = نقدی
method-pos = کارت‌خوان
method-card-to-card = کارت به کارت
method-bank-transfer = انتقال بانکی
method-cheque = چک
method-other = روش دیگر
check-title = بررسی رسید
check-text = کدی را که روی رسید آمده یا نشانی صفحهٔ آن را وارد کنید.
check-label = کد رسید
check-button = بررسی
check-genuine-title = این رسید معتبر است
check-genuine-text = رسیدی با این کد صادر شده است. آنچه را اینجا آمده با آنچه به شما نشان داده‌اند مقایسه کنید.
check-unknown-title = چنین رسیدی وجود ندارد
check-unknown-text = هیچ رسیدی این کد را ندارد. حرف‌ها را یک‌به‌یک مقایسه کنید؛ حروف بزرگ و کوچک با هم فرق دارند.
