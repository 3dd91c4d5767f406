# Arabic, in the form that every Arabic country reads. What each part is for is said in en.ftl.

## How it writes

direction = rtl
digits = ٠١٢٣٤٥٦٧٨٩
group-separator = ٬
decimal-separator = ٫
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
date = { $day } { $month } { $year }
date-time = { $date }، الساعة { $time }

# Several countries have a riyal, and one is worth ten thousand of another, so each says whose it is.
money = { $sign }{ $number } { $currency ->
        [AED] درهم إماراتي
        [EUR] يورو
        [IRR] ريال إيراني
        [QAR] ريال قطري
        [SAR] ريال سعودي
        [USD] دولار أمريكي
       *[other] { $currency }
    }
rial-with-toman = { $rial }
toman-alone = { $toman } تومان

## Messages

link-created-sms =
    { $business }
    { $amount }{ $if_description }
    مقابل { $description }{ $end }
    حتى { $expires_at }
    { $link }
link-created-social =
    { $business }
    المبلغ المطلوب: { $amount }{ $if_description }
    مقابل { $description }{ $end }
    حتى { $expires_at }

    { $link }
link-created-email-subject = طلب دفع من { $business }
link-created-email =
    { $contact }، تحية طيبة وبعد،

    ورد إليكم طلب دفع من { $business } بمبلغ { $amount }{ $if_description } مقابل { $description }{ $end }. يمكنكم الدفع حتى { $expires_at } عبر هذا الرابط:

    { $link }

    إذا لم تكونوا تتوقعون هذه الرسالة، فيُرجى التواصل مع { $business } قبل الدفع.

## Pages

test-mark = تجريبي: لا تُنقل أي أموال
amount-for = المبلغ
purpose = مقابل
paid-on = تاريخ الدفع
reference = الرقم المرجعي
payable-until = آخر موعد للدفع

preview-title = طلب دفع من { $business } بمبلغ { $amount }
preview-text = للدفع، يُرجى فتح هذا الرابط في المتصفح.

summary-title = الدفع إلى { $business }
summary-text = يُرجى التحقق مما ستدفعونه. الصفحة التالية هي صفحة بوابة الدفع.
pay-now = دفع { $amount }
hint-shaparak = قبل إدخال بيانات البطاقة، يُرجى التأكد من أن نطاق الصفحة ينتهي بـ ‎.shaparak.ir.
hint-vpn = يُرجى إيقاف الشبكة الافتراضية (VPN)؛ فالبوابة لا تُفتح من خارج إيران.

going-title = جارٍ الانتقال إلى صفحة الدفع
going-text = يتم نقلكم إلى صفحة الدفع. إذا لم يحدث شيء فاضغطوا الزر.

paid-title = تم الدفع
paid-text = وصلت دفعتكم. شكرًا لكم. يمكنكم إغلاق هذه الصفحة.
already-paid-title = سبق دفع هذا الطلب
already-paid-text = وصل المبلغ المطلوب بهذا الرابط. لا يلزم دفع أي شيء آخر، ويمكنكم إغلاق هذه الصفحة.
refunded-title = أُعيد مبلغ هذه الدفعة
refunded-text = تمت إعادة { $refunded }. قد تحتاج البنوك إلى بضعة أيام لإظهار ذلك. يمكنكم إغلاق هذه الصفحة.
partly-refunded-title = أُعيد جزء من مبلغ هذه الدفعة
partly-refunded-text = تمت إعادة { $refunded } من أصل { $amount }. قد تحتاج البنوك إلى بضعة أيام لإظهار ذلك. لا يلزم دفع أي شيء آخر، ويمكنكم إغلاق هذه الصفحة.
second-payment = أُجريت دفعة أخرى لهذا الرابط. سيُعاد مبلغها إلى المصدر الذي دُفع منه.
second-payment-maybe = ربما أُجريت دفعة أخرى لهذا الرابط. إن كان الأمر كذلك فسيُعاد مبلغها إلى المصدر الذي دُفع منه.
second-review = أُجريت دفعة أخرى لهذا الرابط. سيراجعها فريق { $business } ويتواصل معكم.
second-review-maybe = ربما أُجريت دفعة أخرى لهذا الرابط. سيراجعها فريق { $business } ويتواصل معكم.
confirming-title = جارٍ تأكيد دفعتكم
confirming-text = نتحقق الآن من بوابة الدفع. تتحدّث هذه الصفحة تلقائيًا. يُرجى عدم الدفع مرة أخرى.
confirming-long-text = يستغرق الأمر وقتًا أطول من المعتاد. يمكنكم إغلاق هذه الصفحة؛ فلن يضيع شيء، وستُؤكَّد الدفعة أو يُعاد مبلغها. يُرجى عدم الدفع مرة أخرى.
returning-text = يستغرق الأمر وقتًا أطول قليلًا من المعتاد. تتابع الصفحة تلقائيًا خلال ثوانٍ؛ وإن لم تفعل فاضغطوا الزر. يُرجى عدم الدفع مرة أخرى.
returning-button = متابعة
failed-title = لم تتم عملية الدفع
failed-text = أفادت بوابة الدفع بأنه لم يُدفع أي مبلغ.
failed-cancelled-text = أُلغيت عملية الدفع في صفحة البوابة.
failed-declined-text = رفض البنك أو بوابة الدفع هذه العملية.
failed-over-text = انتهى الوقت المتاح لعملية الدفع قبل إتمامها.
debited-shaparak = إذا خُصم المبلغ من بطاقتكم رغم ذلك، فعادةً ما يعيده البنك خلال ٧٢ ساعة.
debited-sep = إذا خُصم المبلغ من بطاقتكم رغم ذلك، فعادةً ما يعود تلقائيًا خلال ٣٠ دقيقة؛ وتحتاج بعض البنوك إلى ٧٢ ساعة.
debited-international = إذا ظهر في بطاقتكم أو حسابكم خصم معلّق رغم ذلك، فعادةً ما يزول تلقائيًا خلال أسبوع.
unfinished-title = لم تكتمل عملية الدفع
unfinished-text = لم يُدفع أي مبلغ بعد. يمكنكم متابعة الدفع.
unfinished-unresolved-text = لم يصلنا خبر عن أي دفعة بعد. يمكنكم متابعة الدفع. إذا كنتم قد دفعتم بالفعل فلن يضيع شيء: يُرجى عدم الدفع مرة أخرى.
try-again = المحاولة مرة أخرى
go-on = متابعة الدفع
back-title = سيُعاد المبلغ إليكم
back-text = تعذّر قبول دفعتكم عبر هذا الرابط. سيُعاد المبلغ إلى المصدر الذي دُفع منه.
back-time-shaparak = يستغرق ذلك عادةً ما يصل إلى ٧٢ ساعة.
back-time-sep = يستغرق ذلك عادةً نصف ساعة؛ وتحتاج بعض البنوك إلى ٧٢ ساعة.
back-time-international = يستغرق ذلك عادةً من خمسة إلى عشرة أيام عمل.
review-title = دفعتكم قيد المراجعة
review-text = سيراجع فريق { $business } دفعتكم ويتواصل معكم. يُرجى عدم الدفع مرة أخرى.
expired-title = انتهت صلاحية هذا الرابط
expired-text = يُرجى طلب رابط جديد من { $business }.
on-hold-title = هذا الدفع معلّق حاليًا
on-hold-text = لا تقبل { $business } هذه الدفعة في الوقت الحالي. لا يلزمكم فعل أي شيء الآن.

say-paid = لقد دفعت من قبل
said-paid-title = تم إبلاغ { $business }
said-paid-text = أبلغنا { $business } بأنكم دفعتم من قبل، وسيتم التحقق من ذلك. لا يلزمكم دفع أي شيء في هذه الأثناء.
said-paid-next = عند العثور على دفعتكم سيظهر في هذا الرابط أنه مدفوع. قد يسألكم فريق { $business } متى وكيف دفعتم؛ يُرجى الاحتفاظ بالإيصال.
pay-anyway = لم تدفعوا بعد؟ دفع { $amount }
being-checked = تم إبلاغ { $business } بأن هذا المبلغ قد دُفع من قبل، والتحقق جارٍ. إذا كنتم قد دفعتم فيُرجى عدم الدفع مرة أخرى.
cancelled-title = تم إلغاء هذا الرابط
cancelled-text = تم إلغاء طلب الدفع هذا من قِبل { $business }. لا يلزمكم دفع أي شيء.
closed-title = هذا الرابط مغلق
closed-text = أُلغيت الدفعة التي سجّلها فريق { $business } لهذا الرابط، ولم يعد الدفع ممكنًا من هنا. يُرجى طلب رابط جديد من { $business }.
if-paid = إذا كنتم قد دفعتم فلن يضيع شيء: ستُؤكَّد الدفعة أو يُعاد مبلغها. يُرجى عدم الدفع مرة أخرى.
unknown-title = لا يوجد رابط كهذا
unknown-text = يُرجى التحقق من العنوان أو سؤال من أرسله إليكم.
too-many-title = محاولات كثيرة
too-many-text = فُتح هذا الرابط للدفع مرات كثيرة. يُرجى الانتظار ساعة أو سؤال { $business }.
suspended-title = الدفع غير ممكن حاليًا
suspended-text = لا يمكن الدفع إلى { $business } من هنا في الوقت الحالي. يُرجى التواصل مع { $business }.
trouble-title = تعذّر الوصول إلى بوابة الدفع
trouble-text = لم يُدفع أي مبلغ. يُرجى المحاولة مرة أخرى بعد بضع دقائق.
trouble-unresolved-text = يُرجى المحاولة مرة أخرى بعد بضع دقائق. إذا كنتم قد دفعتم بالفعل فلن يضيع شيء: يُرجى عدم الدفع مرة أخرى.
down-title = لا يمكن عرض هذه الصفحة الآن
down-text = يُرجى إعادة تحميلها بعد دقيقة. إذا كنتم قد دفعتم بالفعل فلن يضيع شيء: يُرجى عدم الدفع مرة أخرى.
support = هل لديكم سؤال؟ تواصلوا مع { $business }:
return-to-business = العودة إلى { $business }
