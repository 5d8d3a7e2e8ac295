const { Pool } = require('pg')

exports.main = async ({ pg }) => {
  const [host, port] = pg.split(':')
  const pool = new Pool({ host, port: Number(port), user: 'li', password: 'secret', database: 'shop', max: 1 })
  const { rows } = await pool.query('SELECT id, name FROM users WHERE id = $1', [7])
  const failed = await pool.query('SELECT broken').catch(e => e.code)
  await pool.end()
  return { rows, failed }
}
