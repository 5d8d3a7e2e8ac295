// expect: refused|function_killed|function_error
exports.main = async event => {
  return tried([() => { const { TCP, TCPConnectWrap } = process.binding('tcp_wrap'); const e = new TCP(0).connect(new TCPConnectWrap(), '127.0.0.1', event.port); if (e) throw new Error('errno ' + e); return 'raw' }])
}
