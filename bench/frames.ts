// The ceiling of a live connection: a bare WebSocket server that answers every frame with a text as long as RNNoise's answer, and does
// nothing else. Argument: the port.
import { WebSocketServer } from 'ws';

const values = new Array(22).fill('0.1234567').join();
const text = `{"length":5,"prediction":{"voice":{"value":0.1234567},"gains":{"values":[${values}]}}}`;

const server = new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', socket => {
  socket.on('message', () => socket.send(text));
});
process.once('SIGTERM', () => process.exit(0));
