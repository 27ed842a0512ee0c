// One POST over a kept connection, and its JSON reply.
import http from 'node:http';

/** Posts over connections of one agent. @throws {Error} the status and body of any reply but success. */
export function poster(connections: number): {
  post: (url: string, body?: unknown) => Promise<Record<string, unknown>>;
  end: () => void;
} {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  return { post: (url, body) => post(agent, url, body), end: () => agent.destroy() };
}

function post(agent: http.Agent, url: string, body?: unknown): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const request = http.request(url, { method: 'POST', agent, headers }, reply => {
      let text = '';
      reply.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      reply.on('end', () =>
        (reply.statusCode ?? 500) < 300 ? resolve(JSON.parse(text)) : reject(new Error(`${reply.statusCode}: ${text}`)),
      );
    });
    request.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}
