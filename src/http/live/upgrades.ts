// Requests that ask for another protocol: a WebSocket goes on as one, every other is answered as the plain request it also is
// (RFC 9110, 7.8). Java's HTTP client asks for h2c with its first request; Node, once anybody listens for upgrades, would
// hand over that request without its body.
import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** A handshake that is none would be refused by the library, in a form of its own. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** Emits 'upgrade' for WebSockets only. */
export function websocketUpgrades(server: Server): EventEmitter {
  const upgrades = new EventEmitter();
  server.on('upgrade', (request, socket, head) => {
    const { upgrade, 'sec-websocket-key': key = '' } = request.headers;
    if (upgrade?.toLowerCase() === 'websocket' && KEY.test(key)) upgrades.emit('upgrade', request, socket, head);
    else readAgain(server, request, socket, head);
  });
  return upgrades;
}

/** Puts the request back in front of what else has come, without its wish, and lets the server read it from the start. */
function readAgain(server: Server, { method, url, rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer): void {
  let text = `${method} ${url} HTTP/1.1\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!/^(upgrade|http2-settings|connection)$/i.test(rawHeaders[i]))
      text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  }
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
