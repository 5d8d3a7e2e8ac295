// expect: refused
exports.main = async event => {
  return tried(['/var/run/docker.sock', '/run/docker.sock', '/run/systemd/private', '/tmp/.X11-unix/X0', '\0/org/freedesktop/systemd1', '\0' + event.secret, '/run/../run/other'].map(path => () => new Promise((ok, no) => require('net').connect({ path }).on('connect', () => ok(path)).on('error', no))))
}
