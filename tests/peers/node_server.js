// An echo server made with Node's `ws`. It runs as a process: see process.py; its paths are those
// of echo_paths.py.

'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocketServer } = require('ws');

function serve(connection, request) {
  const url = new URL(request.url, 'ws://127.0.0.1');
  const query = (name, otherwise) => url.searchParams.get(name) ?? otherwise;
  const task = url.pathname.replaceAll('/', '') || 'echo';
  connection.on('error', () => {});
  if (task === 'close') {
    connection.close(Number(query('code', '1000')), query('reason', ''));
  } else if (task === 'count') {
    for (let number = 0; number < Number(query('n', '0')); number += 1) connection.send(`${number}`);
    connection.close(1000);
  } else if (task === 'fragments') {
    const size = Number(query('size', '1'));
    connection.on('message', (data, binary) => {
      sendFragments(connection, data, binary, size, query('ping', '0') === '1');
    });
  } else {
    connection.on('message', (data, binary) => connection.send(data, { binary }));
  }
}

function sendFragments(connection, data, binary, size, ping) {
  for (let start = 0; start === 0 || start < data.length; start += size) {
    const fin = start + size >= data.length;
    connection.send(data.subarray(start, start + size), { binary, fin });
    if (ping && !fin) connection.ping();
  }
}

const pem = fs.readFileSync(process.argv[2]);
const plain = http.createServer();
const secure = https.createServer({ key: pem, cert: pem });
for (const server of [plain, secure]) {
  const handleProtocols = (offered) => (offered.has('chat') ? 'chat' : false);
  const perMessageDeflate = { threshold: 0 };
  const options = { server, maxPayload: 0, perMessageDeflate, handleProtocols };
  new WebSocketServer(options).on('connection', serve);
}
plain.listen(0, '127.0.0.1', () => {
  secure.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ ws: plain.address().port, wss: secure.address().port }));
  });
});
process.stdin.on('end', () => process.exit(0)).resume();
