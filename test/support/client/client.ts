// Clients that hold every reply they get against the server's own API document.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { TestApp } from '../server/service.ts';
import { Contract } from './contract.ts';
import { type Call, inject, type Reply, send } from './exchange.ts';

export type Client = (path: string, call?: Call) => Promise<Reply>;

/** Calls the application without a socket. */
export async function clientOf({ app }: TestApp): Promise<Client> {
  await app.ready();
  return checked(new Contract(app.apiDocument()), (path, call) => inject(app, path, call));
}

/** Calls a server over sockets. */
export async function clientAt(origin: string): Promise<Client> {
  const document: OpenAPIV3_1.Document = JSON.parse((await send(origin, '/openapi.json')).text);
  return checked(new Contract(document), (path, call) => send(origin, path, call));
}

function checked(contract: Contract, exchange: Client): Client {
  return async (path, call = {}) => {
    const reply = await exchange(path, call);
    contract.check(call.method ?? (call.body === undefined ? 'GET' : 'POST'), path, reply);
    return reply;
  };
}

/** Lets an application listen on a free port of loopback; its origin. */
export async function listen({ app }: TestApp): Promise<string> {
  return app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
}
