const cloudbase = require('@cloudbase/node-sdk')
const app = cloudbase.init({ env: 'my-env', secretId: process.env.SECRET_ID, secretKey: process.env.SECRET_KEY })

app.database().collection('tasks').count().then(({ total }) => console.log(`tasks: ${total}`), error => { console.error(error); process.exitCode = 1 })
