// Takes the matrix's steps with the package ssh2 of npm.
const fs = require('fs');
const { pipeline } = require('stream/promises');
const { promisify } = require('util');

const [host, port, username, password, modulePath, hostKey] = process.argv.slice(2);
const { Client } = require(modulePath);

async function take(sftp, verb, a, b) {
  const call = (name, ...args) => promisify(sftp[name].bind(sftp))(...args);
  switch (verb) {
    case 'put':
      return call('fastPut', a, b);
    case 'get':
      return call('fastGet', a, b);
    case 'reput': {
      const start = (await call('stat', b)).size;
      return pipeline(fs.createReadStream(a, { start }), sftp.createWriteStream(b, { flags: 'r+', start }));
    }
    case 'reget': {
      const start = fs.statSync(b).size;
      return pipeline(sftp.createReadStream(a, { start }), fs.createWriteStream(b, { flags: 'r+', start }));
    }
    case 'ls':
      return console.log((await call('readdir', a)).map((entry) => entry.filename).join('\n'));
    case 'mv':
      return call('rename', a, b);
    case 'rm':
      return call('unlink', a);
    case 'mkdir':
      return call('mkdir', a);
    case 'ln':
      return call('symlink', a, b);
  }
  throw new Error('unknown verb ' + verb);
}

function fail(err) {
  console.error(err);
  process.exit(1);
}

const client = new Client();
client.on('error', fail).on('ready', () => {
  client.sftp(async (err, sftp) => {
    if (err) fail(err);
    try {
      const lines = fs.readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');
      for (const line of lines) await take(sftp, ...line.split('\t'));
      client.end();
    } catch (e) {
      fail(e);
    }
  });
}).connect({
  host, port: Number(port), username, password, readyTimeout: 30000,
  hostVerifier: (key) => key.toString('base64') === hostKey,
});
