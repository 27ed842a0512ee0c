// A load balancer as small as can be: each request to the next replica. One that cannot be reached is passed over; what was
// lost on the way to a replica or back is answered 502, since nobody knows whether it was done.
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';

export class Balancer {
  origins: string[];
  /** Whether what a kept connection lost by being closed is sent again, as proxies do: nobody had begun with it. */
  resends = false;
  /** Requests that each origin answered. */
  readonly answered = new Map<string, number>();
  readonly #server: http.Server;
  readonly #agent = new http.Agent({ keepAlive: true });
  #next = 0;

  private constructor(origins: string[]) {
    this.origins = origins;
    this.#server = http.createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      this.#pass(request, Buffer.concat(chunks), response, this.origins.length);
    });
  }

  static async over(...origins: string[]): Promise<Balancer> {
    const balancer = new Balancer(origins);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(from: http.IncomingMessage, body: Buffer, response: http.ServerResponse, attempts: number): void {
    const origin = this.origins[this.#next++ % this.origins.length];
    const { hostname, port } = new URL(origin);
    const { method, url: path, headers } = from;
    const fail = (error: NodeJS.ErrnoException) => {
      const closed = this.resends && error.code === 'ECONNRESET' && request.reusedSocket;
      if ((error.code === 'ECONNREFUSED' || closed) && attempts > 1 && !response.headersSent)
        this.#pass(from, body, response, attempts - 1);
      else if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    };
    const request = http.request({ hostname, port, path, method, headers, agent: this.#agent }, reply => {
      this.answered.set(origin, (this.answered.get(origin) ?? 0) + 1);
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.on('error', fail).pipe(response);
    });
    request.on('error', fail).end(body);
  }
}
