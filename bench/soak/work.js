// One function that does what its event says; its answers tell which call they belong to.
const cloud = require('wx-server-sdk')
const zlib = require('zlib')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()

const VERSION = 'VERSION'
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

const kinds = {
  echo: async ({ n }) => n,
  context: async ({ n }) => cloud.getWXContext().ENV && n,
  wait: async ({ n }) => { await sleep(50 + n % 200); return n },
  logs: async ({ n }) => { for (let i = 0; i < 20; i++) console.log('line', i, 'of', n); return n },
  document: async ({ n }) => {
    const { _id } = await db.collection('soak').add({ data: { n, text: 'x'.repeat(200) } })
    const { data } = await db.collection('soak').doc(_id).get()
    await db.collection('soak').doc(_id).remove()
    return data.n
  },
  compute: async ({ n }) => { zlib.gunzipSync(zlib.gzipSync(Buffer.alloc(200000, String(n)))); return n },
  after: async ({ n }) => { setTimeout(() => db.collection('soak').where({ n: -1 }).count().catch(() => {}), 20); return n },
  throws: async ({ n }) => { throw new Error('thrown by ' + n) },
  heap: async () => { const kept = []; for (;;) kept.push(new Array(100000).fill(Math.random())) },
  buffers: async () => { const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1)) },
  spin: async () => { for (;;); },
  exit: async () => process.exit(3)
}

exports.main = async event => ({ version: VERSION, value: await kinds[event.kind](event) })
