// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for (;;) new Intl.DateTimeFormat(undefined, { timeZone: 'Asia/Shanghai' }).format()
}
