// The product that a client is tried against: where it is, a key of the demo business, and the id of a link that was paid
// there, all of which tests/tests/suite/clients.rs says.

const said = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not said`);
  return value;
};

export const baseUrl = said('PAYLINK_URL');
export const apiKey = said('PAYLINK_API_KEY');
export const paidLink = said('PAYLINK_PAID_LINK');
