const cloud = require('wx-server-sdk')
cloud.init({ env: 'my-env', secretId: process.env.SECRET_ID, secretKey: process.env.SECRET_KEY })

cloud.database().collection('tasks').count().then(({ total }) => console.log(`tasks: ${total}`), error => { console.error(error); process.exitCode = 1 })
