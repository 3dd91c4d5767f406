<?php

/**
 * What an integrator writes with the client that openapi-generator makes for PHP. All classes of the client are loaded
 * first, so that what does not compile is found; then it is run against the product.
 */

declare(strict_types=1);

// Where the client lies, and Guzzle as Debian has it; a project of its own has both from Composer.
require '/usr/share/php/GuzzleHttp/autoload.php';
$client = dirname(__DIR__) . '/generated/php/src';
spl_autoload_register(static function (string $class) use ($client): void {
    $file = $client . '/' . str_replace('\\', '/', substr($class, strlen('Paylink\\'))) . '.php';
    if (str_starts_with($class, 'Paylink\\') && is_file($file)) {
        require $file;
    }
});

use Paylink\Api\ContactsApi;
use Paylink\Api\EventsApi;
use Paylink\Api\PaymentLinksApi;
use Paylink\Api\ReceiptsApi;
use Paylink\ApiException;
use Paylink\Configuration;
use Paylink\Model\AuditEntryCreatedEvent;
use Paylink\Model\ContactInput;
use Paylink\Model\PaymentLinkStatus;
use Paylink\Model\PaymentLink;
use Paylink\Model\PaymentLinkCreate;
use Paylink\Model\PaymentLinkDraftCreate;
use Paylink\Model\PaymentLinkPaidEvent;
use Paylink\Model\Problem;
use Paylink\Model\ReceiptRegisteredEvent;
use Paylink\Model\RecipientsInput;
use Paylink\ObjectSerializer;

function check(bool $holds, mixed $otherwise): void
{
    if (!$holds) {
        throw new RuntimeException(is_string($otherwise) ? $otherwise : (string) json_encode($otherwise));
    }
}

function said(string $name): string
{
    $value = getenv($name);
    check(is_string($value), "$name is not said");
    return $value;
}

/** The terms of a link, which its draft takes as well. */
function terms(int $amount): array
{
    return [
        'account_id' => 'main', 'contact_id' => 'c-1042', 'amount' => $amount, 'expires_in_days' => 7,
        'description' => 'By openapi-generator', 'recipients' => new RecipientsInput(['contact' => true, 'roles' => ['manager']]),
    ];
}

function say_status(PaymentLink $link): string
{
    // A status that is missing here stops the program.
    return match ($link->getStatus()) {
        PaymentLinkStatus::ACTIVE => 'waits until ' . $link->getExpiresAt()->format(DATE_RFC3339),
        PaymentLinkStatus::PAID => 'was paid at ' . $link->getPaidAt()?->format(DATE_RFC3339),
        PaymentLinkStatus::EXPIRED => 'expired at ' . $link->getExpiredAt()?->format(DATE_RFC3339),
        PaymentLinkStatus::CANCELLED => 'was cancelled at ' . $link->getCancelledAt()?->format(DATE_RFC3339),
        PaymentLinkStatus::REPLACED => 'was replaced by ' . $link->getReplacedBy(),
    };
}

$classes = 0;
foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator($client, FilesystemIterator::SKIP_DOTS)) as $file) {
    require_once $file->getPathname();
    $classes += 1;
}
check($classes > 100, "$classes files are no client");

$configuration = (new Configuration())->setHost(said('PAYLINK_URL'))->setAccessToken(said('PAYLINK_API_KEY'));
$links = new PaymentLinksApi(config: $configuration);
$paidLink = said('PAYLINK_PAID_LINK');

// The draft of a link that cannot be made says why, and where in the body.
$problems = $links->draftPaymentLink(new PaymentLinkDraftCreate(terms(0)))->getProblems();
check(count($problems) === 1 && $problems[0]->getPointer() === '/amount', $problems);
check($problems[0]->getCode() === 'amount_not_payable', $problems);

// Making it all the same is refused with a problem, which is thrown.
try {
    $links->createPaymentLink(new PaymentLinkCreate(terms(0)));
    check(false, 'a link over nothing was made');
} catch (ApiException $refused) {
    $problem = $refused->getResponseObject();
    check($problem instanceof Problem && $problem->getErrors()[0]->getCode() === 'amount_not_payable', $refused->getMessage());
}

// The same key twice is the same link.
$wanted = new PaymentLinkCreate(terms(1_500_000));
$made = $links->createPaymentLink($wanted, idempotency_key: 'by-openapi-generator');
$again = $links->createPaymentLink($wanted, idempotency_key: 'by-openapi-generator');
check($made->getId() === $again->getId(), [$made, $again]);
check(str_starts_with(say_status($made), 'waits until 2'), $made);

// Every link is on one of the pages.
$ids = [];
$cursor = null;
do {
    $page = $links->listPaymentLinks(limit: 1, cursor: $cursor);
    foreach ($page->getData() as $link) {
        $ids[] = $link->getId();
    }
    $cursor = $page->getNextCursor();
} while ($cursor !== null);
check(in_array($made->getId(), $ids, true) && in_array($paidLink, $ids, true), $ids);

$paid = $links->getPaymentLink($paidLink);
$receipt = (new ReceiptsApi(config: $configuration))->getReceipt($paid->getReceipts()[0]);
check($receipt->getPaymentLinkId() === $paidLink && $receipt->getAmount() === $paid->getAmount(), $receipt);

// What was read of a record can be put back as it is, but for what is to be another.
$contacts = new ContactsApi(config: $configuration);
$read = $contacts->getContact('c-1042');
$body = ObjectSerializer::deserialize(json_decode((string) json_encode($read)), ContactInput::class);
$put = $contacts->putContact('c-1042', $body->setProfileUrl('https://crm.example/by-openapi-generator'));
check($put->getProfileUrl() === $body->getProfileUrl() && $put->getMobile() === $read->getMobile(), $put);
check(count($put->getPeople()) === count($read->getPeople()), $put);

// An event is of the class of its type, and so is what it carries.
$said = [];
$types = ['payment_link.paid', 'receipt.registered'];
foreach ((new EventsApi(config: $configuration))->listEvents(type: $types, limit: 100)->getData() as $event) {
    if ($event->getPaymentLinkId() === $paidLink) {
        $said[$event->getType()] = match (true) {
            $event instanceof PaymentLinkPaidEvent => say_status($event->getData()),
            $event instanceof ReceiptRegisteredEvent => $event->getData()->getGatewayReference(),
            $event instanceof AuditEntryCreatedEvent => $event->getData()->getAction()->value,
        };
    }
}
ksort($said);
check($said === ['payment_link.paid' => say_status($paid), 'receipt.registered' => $receipt->getGatewayReference()], $said);
