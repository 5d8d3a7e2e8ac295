const Redis = require('ioredis')

exports.main = async ({ redis }) => {
  const [host, port] = redis.split(':')
  const client = new Redis({ host, port: Number(port), password: 'secret', maxRetriesPerRequest: 1 })
  await client.set('greeting', '你好')
  const greeting = await client.get('greeting')
  const counts = await client.pipeline().incr('n').incr('n').exec()
  const missing = await client.get('missing')
  await client.quit()
  return { greeting, counts: counts.map(([error, value]) => value), missing }
}
