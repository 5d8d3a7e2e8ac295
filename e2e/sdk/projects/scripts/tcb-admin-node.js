const tcb = require('tcb-admin-node')
const app = tcb.init({
  env: 'my-env',
  secretId: process.env.SECRET_ID,
  secretKey: process.env.SECRET_KEY
})

app.database().collection('tasks').count().then(({ total, code }) => console.log(code || `tasks: ${total}`), error => { console.error(error); process.exitCode = 1 })
