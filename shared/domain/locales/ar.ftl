# Arabic, in the form that every Arabic country reads. What each part is for is said in en.ftl.

## How it writes

direction = rtl
digits = ٠١٢٣٤٥٦٧٨٩
group-separator = ٬
decimal-separator = ٫
indian-grouping-in = { "" }
calendar = gregorian
months =
    يناير
    فبراير
    مارس
    أبريل
    مايو
    يونيو
    يوليو
    أغسطس
    سبتمبر
    أكتوبر
    نوفمبر
    ديسمبر
date = { $day }{"\u00a0"}{ $month } { $year }
date-time = { $date }، الساعة{"\u00a0"}{ $time }
zone = بتوقيت { $zone ->
        [Almaty] ألماتي
        [Amman] عمّان
        [Amsterdam] أمستردام
        [Baghdad] بغداد
        [Bahrain] البحرين
        [Baku] باكو
        [Beirut] بيروت
        [Berlin] برلين
        [Cairo] القاهرة
        [Damascus] دمشق
        [Dubai] دبي
        [Dushanbe] دوشنبه
        [Istanbul] إسطنبول
        [Kabul] كابول
        [Karachi] كراتشي
        [Kolkata] كولكاتا
        [Kuwait] الكويت
        [London] لندن
        [Los_Angeles] لوس أنجلوس
        [Moscow] موسكو
        [Muscat] مسقط
        [New_York] نيويورك
        [Paris] باريس
        [Qatar] قطر
        [Riyadh] الرياض
        [Stockholm] ستوكهولم
        [Sydney] سيدني
        [Tashkent] طشقند
        [Tbilisi] تبليسي
        [Tehran] طهران
        [Toronto] تورونتو
        [UTC] العالمي المنسق (UTC)
        [Vienna] فيينا
        [Yerevan] يريفان
        [Zurich] زيورخ
       *[other] { $city }
    }

# Several countries have a riyal, and one is worth ten thousand of another, so each says whose it is.
money =
    { $sign }{ $number }{"\u00a0"}{ $currency ->
        [AED] درهم إماراتي
        [AUD] دولار أسترالي
        [BRL] ريال برازيلي
        [CAD] دولار كندي
        [CHF] فرنك سويسري
        [CLP] بيزو تشيلي
        [CNY] يوان صيني
        [COP] بيزو كولومبي
        [CZK] كرونة تشيكية
        [DKK] كرونة دنماركية
        [DOP] بيزو دومينيكاني
        [EGP] جنيه مصري
        [EUR] يورو
        [GBP] جنيه إسترليني
        [GEL] لاري جورجي
        [HKD] دولار هونغ كونغ
        [IDR] روبية إندونيسية
        [ILS] شيكل إسرائيلي
        [INR] روبية هندية
        [IRR] ريال إيراني
        [JPY] ين ياباني
        [KES] شلن كيني
        [KRW] وون كوري جنوبي
        [KZT] تينغ كازاخستاني
        [MAD] درهم مغربي
        [MXN] بيزو مكسيكي
        [MYR] رينغيت ماليزي
        [NGN] نايرا نيجيري
        [NOK] كرونة نرويجية
        [NZD] دولار نيوزيلندي
        [PEN] سول بيروفي
        [PHP] بيزو فلبيني
        [PLN] زلوتي بولندي
        [QAR] ريال قطري
        [RON] ليو روماني
        [SAR] ريال سعودي
        [SEK] كرونة سويدية
        [SGD] دولار سنغافوري
        [THB] بات تايلندي
        [TRY] ليرة تركية
        [UAH] هريفنيا أوكرانية
        [USD] دولار أمريكي
        [VND] دونغ فيتنامي
        [ZAR] راند جنوب أفريقي
       *[other] { $currency }
    }
# In what people of this language count Rial: toman or rial.
rial-counted-in = rial
rial-with-toman = { $rial }
toman-alone = { $toman }{"\u00a0"}تومان

## Messages

link-created-sms =
    { $business }
    يرجى دفع { $amount }{ $if_description } مقابل { $description }{ $end } حتى { $expires_at }:
    { $link }
link-created-sms-without-end =
    { $business }
    يرجى دفع { $amount }{ $if_description } مقابل { $description }{ $end }:
    { $link }
link-created-sms-shortest =
    { $business }
    دفع { $amount }
    { $link }
link-created-social =
    تطلب منكم { $business } دفع { $amount }.{ $if_description }
    مقابل: { $description }{ $end }
    آخر موعد للدفع: { $expires_at }

    { $link }
link-created-email-subject = طلب دفع { $amount } من { $business }
link-created-email =
    { $contact }، تحية طيبة وبعد،

    تطلب منكم { $business } دفع { $amount }.{ $if_description }
    مقابل: { $description }{ $end }
    آخر موعد للدفع: { $expires_at }

    { $link }

    إذا لم تكونوا تتوقعون هذه الرسالة، فيُرجى التواصل مع { $business } قبل الدفع.
payment-reminder-sms =
    { $business }
    تذكير بدفع { $amount }{ $if_description } مقابل { $description }{ $end } حتى { $expires_at }:
    { $link }
payment-reminder-sms-without-end =
    { $business }
    تذكير بدفع { $amount }{ $if_description } مقابل { $description }{ $end }:
    { $link }
payment-reminder-sms-shortest =
    { $business }
    دفع { $amount }
    { $link }
payment-reminder-social =
    تذكير: تطلب منكم { $business } دفع { $amount }.{ $if_description }
    مقابل: { $description }{ $end }
    آخر موعد للدفع: { $expires_at }

    { $link }
payment-reminder-email-subject = تذكير: طلب دفع { $amount } من { $business }
payment-reminder-email =
    { $contact }، تحية طيبة وبعد،

    نذكّركم بأن { $business } تطلب منكم دفع { $amount }.{ $if_description }
    مقابل: { $description }{ $end }
    آخر موعد للدفع: { $expires_at }

    { $link }

    إذا كنتم قد دفعتم من قبل، فلا يلزمكم شيء.
payment-overdue-sms =
    { $business }
    كان موعد دفع { $amount }{ $if_description } مقابل { $description }{ $end } في { $due_at }:
    { $link }
payment-overdue-sms-without-end =
    { $business }
    فات موعد دفع { $amount }{ $if_description } مقابل { $description }{ $end }:
    { $link }
payment-overdue-sms-shortest =
    { $business }
    دفع { $amount }
    { $link }
payment-overdue-social =
    فات موعد دفع { $amount } إلى { $business }. يرجى الدفع الآن.{ $if_description }
    مقابل: { $description }{ $end }
    كان الموعد: { $due_at }

    { $link }
payment-overdue-email-subject = فات موعد دفع { $amount } إلى { $business }
payment-overdue-email =
    { $contact }، تحية طيبة وبعد،

    فات موعد دفع { $amount } إلى { $business }. يرجى الدفع الآن.{ $if_description }
    مقابل: { $description }{ $end }
    كان الموعد: { $due_at }

    { $link }

    إذا كنتم قد دفعتم من قبل، فلا يلزمكم شيء.
payment-received-sms =
    { $business }
    استلمنا { $amount }{ $if_description } مقابل { $description }{ $end }. شكرًا لكم. الإيصال:
    { $link }
payment-received-sms-without-end =
    { $business }
    استلمنا { $amount }{ $if_description } مقابل { $description }{ $end }. الإيصال:
    { $link }
payment-received-sms-shortest =
    { $business }
    وصل { $amount }
    { $link }
payment-received-social =
    استلمت { $business } مبلغ { $amount }. شكرًا لكم.{ $if_description }
    مقابل: { $description }{ $end }

    إيصالكم:
    { $link }
payment-received-email-subject = استلمت { $business } مبلغ { $amount }
payment-received-email =
    { $contact }، تحية طيبة وبعد،

    استلمت { $business } مبلغ { $amount }. شكرًا لكم.{ $if_description }
    مقابل: { $description }{ $end }

    إيصالكم محفوظ هنا متى احتجتم إليه:

    { $link }
refund-succeeded-sms =
    { $business }
    أُعيد إليكم مبلغ { $amount }{ $if_description } مقابل { $description }{ $end }. الإيصال:
    { $link }
refund-succeeded-sms-without-end =
    { $business }
    أُعيد إليكم مبلغ { $amount }. الإيصال:
    { $link }
refund-succeeded-sms-shortest =
    { $business }
    عاد { $amount }
    { $link }
refund-succeeded-social =
    أعادت { $business } إليكم مبلغ { $amount }.{ $if_description }
    مقابل: { $description }{ $end }

    إيصالكم:
    { $link }
refund-succeeded-email-subject = أعادت { $business } إليكم مبلغ { $amount }
refund-succeeded-email =
    { $contact }، تحية طيبة وبعد،

    أعادت { $business } إليكم مبلغ { $amount }.{ $if_description }
    مقابل: { $description }{ $end }

    قد تمر بضعة أيام قبل أن يظهر المبلغ في حسابكم البنكي. في الإيصال ما دُفع وما أُعيد:

    { $link }
see-receipt = عرض الإيصال

## Pages

language-name = العربية
choose-language = اللغة

test-mark = تجريبي: لا تُنقل أي أموال
amount-for = المبلغ
purpose = مقابل
due = تاريخ الاستحقاق
payable-until = آخر موعد للدفع
paid-on = تاريخ الدفع
paid-at = وقت الدفع
paid-to = المستفيد
paid-through = بوابة الدفع
reference = الرقم المرجعي
reason = السبب
returned-by = في موعد أقصاه
copy = نسخ هذه البيانات
copied = تم النسخ
receipt = إيصال الدفع
may-close = يمكنكم إغلاق هذه الصفحة.
scan = للدفع من الهاتف، امسحوا هذا الرمز.

preview-title = طلب دفع من { $business } بمبلغ { $amount }
preview-text = للدفع، يُرجى فتح هذا الرابط في المتصفح.

summary-title = طلب دفع من { $business }
summary-text = في الخطوة التالية تنتقلون إلى بوابة { $gateway } على العنوان { $host }.
pay-now = دفع { $short_amount }
hint-shaparak = يُرجى التأكد من أن نطاق الصفحة ينتهي بـ {"\u2066"}.shaparak.ir{"\u2069"} قبل إدخال بيانات البطاقة.
hint-host = يُرجى التأكد من أن نطاق الصفحة هو { $host } قبل إدخال بيانات البطاقة.
hint-vpn = يُرجى إيقاف الشبكة الافتراضية (VPN)؛ فالبوابة لا تُفتح من خارج إيران.
hint-unseen = بيانات بطاقتكم تصل إلى { $gateway } وحدها، ولا يراها فريق { $business }.

going-title = جارٍ الانتقال إلى { $gateway }
going-text = يتم نقلكم إلى بوابة { $gateway } على العنوان { $host }. إذا لم يتم الانتقال فاضغطوا الزر.

paid-title = تم الدفع
paid-text = شكرًا لكم. تم استلام المبلغ لدى { $business }.
already-paid-title = سبق دفع هذا الطلب
already-paid-text = تم استلام المبلغ المطلوب بهذا الرابط. لا يلزم دفع أي شيء آخر.
refunded-title = أُعيد مبلغ هذه الدفعة
refunded-text = تمت إعادة { $refunded }. قد تحتاج البنوك إلى بضعة أيام لإظهار ذلك.
partly-refunded-title = أُعيد جزء من مبلغ هذه الدفعة
partly-refunded-text = تمت إعادة { $refunded } من أصل { $amount }. قد تحتاج البنوك إلى بضعة أيام لإظهار ذلك. لا يلزم دفع أي شيء آخر.
second-title = دفعة ثانية
second-payment = أُجريت دفعة أخرى لهذا الرابط. سيُعاد مبلغها إلى البطاقة أو الحساب نفسه.
second-payment-maybe = ربما أُجريت دفعة أخرى لهذا الرابط. إن كان الأمر كذلك فسيُعاد مبلغها إلى البطاقة أو الحساب نفسه.
second-review = أُجريت دفعة أخرى لهذا الرابط. سيراجعها فريق { $business } ويتواصل معكم.
second-review-maybe = ربما أُجريت دفعة أخرى لهذا الرابط. سيراجعها فريق { $business } ويتواصل معكم.
confirming-title = جارٍ تأكيد عملية الدفع
confirming-text = نستعلم الآن عن النتيجة من بوابة الدفع. تُحدَّث هذه الصفحة تلقائيًا. يُرجى عدم الدفع مرة أخرى.
confirming-long-text = يستغرق الأمر وقتًا أطول من المعتاد. يمكنكم إغلاق هذه الصفحة. أموالكم محفوظة: ستُؤكَّد الدفعة أو يُعاد مبلغها. يُرجى عدم الدفع مرة أخرى.
check-now = التحقق الآن
checked = لم تُؤكَّد بعد. آخر تحقق: الساعة{"\u00a0"}{ $time }
returning-text = يستغرق الأمر وقتًا أطول قليلًا من المعتاد. تتابع الصفحة تلقائيًا خلال ثوانٍ؛ وإن لم تفعل فاضغطوا الزر. يُرجى عدم الدفع مرة أخرى.
returning-button = متابعة
failed-title = لم تتم عملية الدفع
failed-text = أفادت بوابة الدفع بأنه لم يُدفع أي مبلغ.
failed-cancelled-title = أُلغيت عملية الدفع
failed-cancelled-text = أُلغيت عملية الدفع في صفحة البوابة، ولم يُدفع أي مبلغ.
failed-declined-title = رُفضت عملية الدفع
failed-declined-text = رفض البنك أو بوابة الدفع هذه العملية.
failed-funds-title = رصيد البطاقة غير كافٍ
failed-funds-text = رفض البنك هذه الدفعة لأن رصيد البطاقة لا يكفي لها.
failed-password-title = لم تُقبل كلمة مرور البطاقة
failed-password-text = أفاد البنك بأن كلمة المرور أو الرمز المؤقت أو رمز الأمان كان خاطئًا أو انتهت صلاحيته.
failed-limit-title = بلغت البطاقة حدّها
failed-limit-text = رفض البنك هذه الدفعة لأن البطاقة بلغت حدّها اليومي، من حيث العدد أو المبلغ.
failed-over-title = انتهى وقت الدفع
failed-over-text = بقيت صفحة البوابة مفتوحة مدة أطول من المسموح، ولم يُدفع أي مبلغ.
hint-retry-shaparak = الأسباب المعتادة: رمز مؤقت خاطئ أو منتهٍ، أو رصيد غير كافٍ، أو شبكة افتراضية (VPN) قيد التشغيل.
hint-retry-international = الأسباب المعتادة: تأكيد طلبه البنك ولم يتلقه، أو حدّ البطاقة.
debited-shaparak = إذا خُصم المبلغ من بطاقتكم رغم ذلك، فعادةً ما يعيده البنك خلال ٧٢{"\u00a0"}ساعة.
debited-sep = إذا خُصم المبلغ من بطاقتكم رغم ذلك، فعادةً ما يعود تلقائيًا خلال ٣٠{"\u00a0"}دقيقة؛ وتحتاج بعض البنوك إلى ٧٢{"\u00a0"}ساعة.
debited-international = إذا ظهر في بطاقتكم أو حسابكم خصم معلّق رغم ذلك، فعادةً ما يزول تلقائيًا خلال أسبوع.
unfinished-title = لم تكتمل عملية الدفع
unfinished-text = لم يُدفع أي مبلغ بعد. يمكنكم متابعة الدفع.
unfinished-unresolved-text = لم نتلقَّ تأكيد الدفع بعد. يمكنكم متابعة الدفع. إذا كنتم قد دفعتم بالفعل فأموالكم محفوظة: يُرجى عدم الدفع مرة أخرى.
try-again = إعادة محاولة دفع { $short_amount }
go-on = دفع { $short_amount }
back-title = سيُعاد المبلغ إليكم
back-text = لم تُقبل هذه الدفعة: { $reason }. سيُعاد المبلغ إلى البطاقة أو الحساب نفسه.
reason-late = وصلت بعد انتهاء صلاحية الرابط
reason-cancelled = كان الرابط قد أُلغي
reason-second = كان الرابط قد دُفع من قبل
reason-elsewhere = كان ما يخص هذا الرابط قد دُفع من قبل
reason-other = لم يكن الرابط يقبل الدفع في تلك اللحظة
back-time-shaparak = يستغرق ذلك عادةً ما يصل إلى ٧٢{"\u00a0"}ساعة.
back-time-sep = يستغرق ذلك عادةً نصف ساعة؛ وتحتاج بعض البنوك إلى ٧٢{"\u00a0"}ساعة.
back-time-international = يستغرق ذلك عادةً من خمسة إلى عشرة أيام عمل.
back-ask = إذا لم يصل حتى ذلك الموعد، فيُرجى التواصل مع { $business } وذكر البيانات أدناه.
review-title = دفعتكم قيد المراجعة
review-text = سيراجع فريق { $business } دفعتكم ويتواصل معكم. يُرجى عدم الدفع مرة أخرى.
review-ask = إذا لم يصلكم شيء خلال يوم عمل واحد، فيُرجى التواصل مع { $business } وذكر البيانات أدناه.
review-amount = المبلغ الذي وصل يختلف عن المبلغ المطلوب
review-unconfirmed = لم تؤكد بوابة الدفع العملية بعد
review-return = يجب التحقق من إعادة المبلغ
review-other = يجب أن يراجع أحد الموظفين الدفعة
expired-title = انتهت صلاحية هذا الرابط
expired-text = يُرجى طلب رابط جديد من { $business }.
on-hold-title = هذا الدفع معلّق حاليًا
on-hold-text = لا تقبل { $business } هذه الدفعة في الوقت الحالي. لا يلزمكم فعل أي شيء الآن.

say-paid = لقد دفعت من قبل
said-paid-title = تم إبلاغ { $business }
said-paid-text = أبلغنا { $business } بأنكم دفعتم من قبل، وسيتم التحقق من ذلك. لا يلزمكم دفع أي شيء في هذه الأثناء.
said-paid-next = عند العثور على دفعتكم سيظهر في هذا الرابط أنه مدفوع. قد يسألكم فريق { $business } متى وكيف دفعتم؛ يُرجى الاحتفاظ بالإيصال.
pay-anyway = لم تدفعوا بعد؟ دفع { $short_amount }
being-checked = تم إبلاغ { $business } بأن هذا المبلغ قد دُفع من قبل، والتحقق جارٍ. إذا كنتم قد دفعتم فيُرجى عدم الدفع مرة أخرى.
cancelled-title = تم إلغاء هذا الرابط
cancelled-text = تم إلغاء طلب الدفع هذا من قِبل { $business }. لا يلزمكم دفع أي شيء.
closed-title = هذا الرابط مغلق
closed-text = أُلغيت الدفعة التي سجّلها فريق { $business } لهذا الرابط، ولم يعد الدفع ممكنًا من هنا. يُرجى طلب رابط جديد من { $business }.
if-paid = إذا كنتم قد دفعتم فأموالكم محفوظة: ستُؤكَّد الدفعة أو يُعاد مبلغها. يُرجى عدم الدفع مرة أخرى.
unknown-title = هذا الرابط غير موجود
unknown-text = يُرجى التحقق من العنوان أو سؤال من أرسله إليكم.
too-many-title = تجاوزتم عدد المحاولات المسموح
too-many-text = فُتح هذا الرابط للدفع مرات كثيرة. يُرجى الانتظار ساعة أو التواصل مع { $business }.
suspended-title = الدفع غير ممكن حاليًا
suspended-text = لا يمكن الدفع إلى { $business } من هنا في الوقت الحالي. يُرجى التواصل مع { $business }.
trouble-title = تعذّر الوصول إلى بوابة الدفع
trouble-text = لم يُدفع أي مبلغ. يُرجى المحاولة مرة أخرى بعد بضع دقائق.
trouble-unresolved-text = يُرجى المحاولة مرة أخرى بعد بضع دقائق. إذا كنتم قد دفعتم بالفعل فأموالكم محفوظة: يُرجى عدم الدفع مرة أخرى.
down-title = لا يمكن عرض هذه الصفحة الآن
down-text = يُرجى إعادة تحميلها بعد دقيقة. إذا كنتم قد دفعتم بالفعل فأموالكم محفوظة: يُرجى عدم الدفع مرة أخرى.
support = هل لديكم سؤال؟ تواصلوا مع { $business }:
return-to-business = العودة إلى { $business }

# Paying in parts. $whole is all that was asked for, $paid what was paid so far, $left what is left after a payment.
amount-total = المبلغ الكامل
amount-paid = المدفوع حتى الآن
amount-left = المتبقي
part-due = حتى { $date }
part-is-paid = تم دفعها
part-left = يتبقى { $left }
pay-part = ادفع { $amount } الآن
pay-all = ادفع كل المتبقي: { $amount }
pay-other = ادفع مبلغًا آخر
pay-this = ادفع هذا المبلغ
pay-rest = متابعة دفع المتبقي
other-amount = المبلغ بعملة { $currency }
other-amount-toman = المبلغ بالتومان
other-range = من { $least } إلى { $most }
then-left = بعدها يتبقى { $left }.
then-left-by = بعدها يتبقى { $left }، وموعد الدفعة التالية { $date }.
then-nothing-left = بعدها لا يتبقى شيء.
part-paid-title = تم دفع جزء من المبلغ
part-paid-text = شكرًا لكم. دُفع حتى الآن { $paid } من { $whole }، ويتبقى { $amount }. يمكنكم العودة إلى هذا الرابط لدفع المتبقي.
part-paid-by-text = شكرًا لكم. دُفع حتى الآن { $paid } من { $whole }، ويتبقى { $amount }، وموعد الدفعة التالية { $date }. يمكنكم العودة إلى هذا الرابط لدفعها.
part-kept = دُفع { $paid } من { $whole } وهو محفوظ.
less-is-due = لم يتبقَّ مما يخص هذا الرابط سوى { $due }، وبدفعه لا يبقى شيء.
paid-elsewhere-title = سبق دفع هذا المبلغ
paid-elsewhere-text = استلمت { $business } مبلغ هذا الرابط بطريقة أخرى. لا حاجة إلى دفع أي شيء هنا.

# A link that expired, and one in whose place there is another.
ask-again = طلب رابط جديد
renewing-text = الرابط الجديد في الطريق، وسيُنشأ خلال دقيقة أو دقيقتين. كل من وصله هذا الرابط سيصله الجديد بالطريقة نفسها، وهذا العنوان نفسه سيقود إليه.
asked-again-text = أبلغنا { $business } بأنكم تريدون رابطًا جديدًا. سيتواصل معكم { $business }.
open-newest = فتح أحدث رابط

## Receipts

receipt-title = إيصال دفع
receipt-void-title = هذا الإيصال ملغى
receipt-returned-title = إيصال مبلغ مُعاد
receipt-void-text = أُلغي هذا الإيصال في { $date }: الدفعة المذكورة فيه سُجّلت خطأً.
receipt-no-tax = هذا إيصال دفع وليس فاتورة ضريبية.
receipt-refunds = ما أُعيد
receipt-left = المتبقي بعد الإعادة
receipt-item = البند
receipt-number = رقم الإيصال
receipt-check = يمكن لأي شخص التحقق من صحة هذا الإيصال على { $address } بهذا الرمز أو بمسحه:
receipt-check-code = عنوان هذا الإيصال
refunded-on = في { $date }
refund-under-way = في طريق العودة
legal-id = رقم التسجيل
postal-address = العنوان
paid-by = الدافع
card = البطاقة
print = طباعة
receipt-pdf = الإيصال بصيغة PDF
receipt-made = أُنشئ هذا الملف في { $date }. أي تغيير بعد ذلك يظهر على عنوان هذا الرمز.
method-cash = نقدًا
method-pos = جهاز البطاقات
method-card-to-card = من بطاقة إلى بطاقة
method-bank-transfer = تحويل مصرفي
method-cheque = شيك
method-other = وسيلة أخرى
check-title = التحقق من إيصال
check-text = أدخلوا الرمز المكتوب على الإيصال أو عنوان صفحته.
check-label = رمز الإيصال
check-button = تحقّق
check-genuine-title = هذا الإيصال صحيح
check-genuine-text = صدر إيصال بهذا الرمز. قارنوا ما ورد هنا بما عُرض عليكم.
check-unknown-title = لا يوجد إيصال كهذا
check-unknown-text = لا إيصال يحمل هذا الرمز. قارنوا الحروف واحدًا واحدًا، فالكبيرة والصغيرة مختلفة.
