const mysql = require('mysql2/promise')

exports.main = async ({ mysql: address }) => {
  const [host, port] = address.split(':')
  const pool = mysql.createPool({ host, port: Number(port), user: 'li', password: 'secret', database: 'shop', connectionLimit: 2 })
  const [rows, fields] = await pool.query('SELECT id, name FROM users WHERE name = ?', ["o'li"])
  const failed = await pool.query('SELECT broken').catch(e => ({ code: e.code, errno: e.errno }))
  await pool.end()
  return { rows, fields: fields.map(f => f.name), failed }
}
