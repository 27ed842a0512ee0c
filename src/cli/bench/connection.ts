// One caller of a load: a connection that sends its next request as soon as the reply to the last one is whole. It reads
// just enough HTTP for that, since whoever measures must cost less than what is measured.
import net from 'node:net';
import tls from 'node:tls';

export interface Listener {
  /** The bytes of the next request; undefined when the load is over. */
  next(): Buffer | undefined;
  /** A whole reply, and how long it took; `first`: on a new connection, which the server had to accept before. */
  replied(status: number, ms: number, first: boolean): void;
  /** The connection ended before the reply was whole. */
  failed(reason: string): void;
  /** The load is over for this caller. */
  ended(): void;
}

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

export class Connection {
  readonly #url: URL;
  readonly #listener: Listener;
  #socket!: net.Socket;
  /** What has come of the reply, as long as its head is not whole; of a chunked body its end. */
  #text = '';
  #status = 0;
  /** Bytes of the body that are still to come; -1: the head is not whole, Infinity: in chunks. */
  #missing = -1;
  #waiting = false;
  #first = true;
  #closes = false;
  #over = false;
  #sentMs = 0;

  constructor(url: URL, listener: Listener) {
    this.#url = url;
    this.#listener = listener;
    this.#connect();
  }

  /** Gives up what is under way. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.destroy();
    this.#listener.ended();
  }

  #connect(): void {
    const { protocol, hostname, port } = this.#url;
    const host = hostname.replace(/^\[|\]$/g, '');
    const secure = protocol === 'https:';
    const socket = secure
      ? tls.connect({ host, port: Number(port || 443), servername: net.isIP(host) ? undefined : host })
      : net.connect(Number(port || 80), host);
    this.#socket = socket.setNoDelay(true);
    this.#first = true;
    this.#closes = false;
    let reason = 'the connection was closed';
    socket.once(secure ? 'secureConnect' : 'connect', () => this.#send());
    socket.on('data', bytes => this.#read(bytes));
    socket.on('error', error => {
      reason = error.message;
    });
    socket.once('close', () => {
      if (this.#over) return;
      if (this.#waiting || this.#first) this.#listener.failed(reason);
      // Not at once: a server that refuses everybody would be asked in an endless loop.
      setTimeout(() => (this.#over ? undefined : this.#connect()), this.#first ? 100 : 0);
    });
  }

  #send(): void {
    const bytes = this.#listener.next();
    if (!bytes) {
      this.end();
      return;
    }
    this.#waiting = true;
    this.#text = '';
    this.#missing = -1;
    this.#sentMs = performance.now();
    this.#socket.write(bytes);
  }

  #read(bytes: Buffer): void {
    let body: Buffer = bytes;
    if (this.#missing < 0) {
      this.#text += bytes.toString('latin1');
      const end = this.#text.indexOf(HEAD_END);
      if (end < 0) return;
      body = bytes.subarray(bytes.length - (this.#text.length - end - HEAD_END.length));
      this.#readHead(this.#text.slice(0, end + 2));
      this.#text = '';
    }
    if (this.#missing === Infinity) {
      this.#text = (this.#text + body.toString('latin1')).slice(-LAST_CHUNK.length);
      if (this.#text === LAST_CHUNK) this.#missing = 0;
    } else {
      this.#missing -= body.length;
    }
    if (this.#missing <= 0) this.#whole();
  }

  #readHead(head: string): void {
    this.#status = Number(head.slice(9, 12));
    this.#closes = /\r\nconnection: *close\r\n/i.test(head);
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head);
    this.#missing = length ? Number(length[1]) : Infinity;
  }

  #whole(): void {
    this.#waiting = false;
    const first = this.#first;
    this.#first = false;
    this.#listener.replied(this.#status, performance.now() - this.#sentMs, first);
    if (this.#closes) this.#socket.destroy();
    else this.#send();
  }
}
