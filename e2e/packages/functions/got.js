const got = require('got')

exports.main = async ({ http }) => {
  const first = await got.post(http + '/echo', { json: { n: 1 }, searchParams: { a: 'b' }, retry: 0 }).json()
  const again = await got(http + '/flaky', { retry: { limit: 2, calculateDelay: ({ computedValue }) => computedValue && 1 } }).text()
  return { body: first.body, query: first.query, again }
}
