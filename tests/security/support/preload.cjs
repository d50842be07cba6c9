/**
 * Loaded before the built service where a test runs it, and all that a test may change of its surroundings: what
 * time it is, and where the name of the token issuer leads. The bytes of the service stay as they were built.
 */
const tls = require('node:tls');

const { TEST_NOW_MS: now, TEST_ISSUER_PORT: port } = process.env;
delete process.env.TEST_NOW_MS;
delete process.env.TEST_ISSUER_PORT;

if (now !== undefined) {
  let nowMs = Number(now);
  Date.now = () => nowMs;
  process.on('message', (message) => {
    nowMs = message.nowMs;
    process.send({ nowMs });
  });
  // Listening to a test must not keep the service alive after a SIGTERM.
  process.channel?.unref();
}

if (port !== undefined) {
  // What a hosts file would do, and a port that needs no rights; name and certificate are checked as ever.
  const { connect } = tls;
  tls.connect = (options, ...rest) => {
    const { host = '' } = options;
    if (!host.endsWith('.tcloudbasegateway.com')) return connect(options, ...rest);
    const away = { host: '127.0.0.1', port: Number(port), servername: host };
    return connect({ ...options, ...away }, ...rest);
  };
}
