// How the client that orval makes calls the product: where it is and with which key is ours to say.

import { apiKey, baseUrl } from './product.ts';

export const call = async <Answer>(address: string, request: RequestInit): Promise<Answer> => {
  const headers = new Headers(request.headers);
  headers.set('authorization', `Bearer ${apiKey}`);
  const answer = await fetch(baseUrl + address, { ...request, headers });
  return { data: await answer.json(), status: answer.status, headers: answer.headers } as Answer;
};
